//! Whole passes over a folder, by as many threads as there are cores: images a second.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xfer_benches::{Case, NAMES, Photos};

fn passes(c: &mut Criterion) {
    let photos = Photos::draw().unwrap();
    let mut group = c.benchmark_group("pass");
    group.sample_size(10);
    for name in NAMES {
        let Some(rest) = name.strip_prefix("pass/") else { continue };
        let mut case = Case::new(name, &photos, 0).unwrap();
        group.throughput(Throughput::Elements(case.images as u64));
        group.bench_function(rest, |b| b.iter(|| case.run().unwrap()));
    }
}

criterion_group!(benches, passes);
criterion_main!(benches);
