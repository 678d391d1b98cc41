"""Faults x stages: does every command lose nothing, and use nothing damaged, whatever goes wrong meanwhile?"""
