"""All benchmarks, one after the other: what `make bench` runs (under two minutes)."""

import bench_http
import bench_stages

bench_stages.main()
print()
bench_http.main()
