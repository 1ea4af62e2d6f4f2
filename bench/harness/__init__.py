"""What every benchmark needs: one run, its servers, its rounds, its statistics, its reports.

run           runs a benchmark in a temporary folder and ends whatever it started
servers       Redis and PostgreSQL with durable writes
rounds        runs the cases in turn, each with its best number of workers
throughput    jobs per second, by the jobs that were counted

series        measured values by measure and case; ratios, JSON
series_table  a table of them; cases that do less than our node are apart
samples       the samples of aborts; percentiles, table
stages        the stages of aborts; means and percentiles, table
abort_report  results/abort….json and the tables in docs/aborts.md
charts        the data of each plot, without a library that draws
"""
