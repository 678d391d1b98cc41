"""Benchmark of the sync encoder: does it know which audio fits a mouth that it has not seen?"""
