"""Purging as its definition reads: every sample against every block, one by one."""

from __future__ import annotations


def purged_train(t0, t1, test, embargo=0, first_input=None):
    """Return the samples that may train for one test block."""
    begin = min(t0[j] for j in test)
    end = max(t1[j] for j in test)
    train = []
    for i in range(len(t0)):
        meets = any(begin <= instant <= end for instant in (t0[i], t1[i])) or (
            t0[i] < begin and t1[i] > end
        )
        is_embargoed = end < t0[i] <= end + embargo
        reads_block = first_input is not None and t0[i] > end and first_input[i] <= end
        if not (i in test or meets or is_embargoed or reads_block):
            train.append(i)
    return train
