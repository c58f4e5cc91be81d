"""Many files into one dataset of Parquet tables, in parallel, resumable; see docs/dataset.md.

Strategy: the inputs, sorted, are dealt into parts; a part is one unit of work and becomes one file in each table. The
names of parts follow from their inputs, and a part's file in the table ``files`` is written last: it says that the part
is whole. So an interrupted run leaves nothing that counts, any worker may do a part again, and it does not matter who
did it: the dataset is the same.
"""

from atshark.batch.executors import Progress, run
from atshark.batch.plan import Input, Part, plan

__all__ = ["Input", "Part", "Progress", "plan", "run"]
