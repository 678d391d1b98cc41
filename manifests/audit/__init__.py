"""What a detector could learn without looking for a forgery, and what else makes a dataset's figures too good."""
