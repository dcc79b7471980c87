"""Intervals, verdicts and tests of measured figures. Pure: no clock, no file, no network; what is drawn at random is drawn from a seed.

Needs the standard library alone, so that a verdict can be had, and is the same, wherever labmodels is installed.

estimates     a figure and its interval: what the others return
proportions   a share of successes (Wilson)
paired        the mean difference of a candidate to its baseline (bootstrap by item or by cluster)
verdicts      whether the candidate passes, is a regression, or how many more items it takes to say
exact         who won how often (exact McNemar, sign test)
multiple      several tests at once (Holm)
ratios        latency and cost of a candidate over its baseline (block bootstrap)
percentiles   p50, p95, p99 with their intervals (order statistics), or that they are too few
sequential    an interval that may be looked at as often as one likes (confidence sequence)
power         the smallest effect that a run can see, before it is paid for
retrieval     two search systems, query by query
fusion        the weight of lexical and dense scores that is better than the current one, if any
"""
