//! The kernels' micro-benchmarks natively, on one thread:
//! `RAYON_NUM_THREADS=1 cargo bench --features bench --bench kernels [-- FILTER]`. The browser's are
//! those of `./build.sh bench`, from the same list.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use graftlet::kernels::bench::{Unit, cases};

fn kernels(criterion: &mut Criterion) {
    for mut case in cases() {
        let mut group = criterion.benchmark_group(case.kernel);
        // criterion has no floating-point operations: it prints them as elements, a thousand million of them as Gelem.
        group.throughput(Throughput::Elements(case.work as u64));
        let unit = if case.unit == Unit::Element {
            ""
        } else {
            case.unit.rate()
        };
        let name = format!("{} {} {unit}", case.shape, case.variant);
        group.bench_function(name.trim_end(), |bencher| bencher.iter(&mut case.run));
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
