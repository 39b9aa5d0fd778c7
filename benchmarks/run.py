"""All benchmarks, one after the other: what `make bench` runs (under four minutes)."""

import shutil

import bench_fetch
import bench_http
import bench_slow_fhir
import bench_stages

bench_stages.main()
print()
bench_http.main()
print()
bench_slow_fhir.main()
print()
if shutil.which("node"):
    bench_fetch.main()
else:
    print("bench_fetch needs Node.js, which is not here")
