//! Whole passes over a folder: files in, batches of 32 out.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use xfer_loader::{
    DirectoryOptions, FlowOptions, ImageDataGenerator, Interpolation, LoaderOptions, PixelType, Preprocessing,
};

const FILES: usize = 320;

fn pass(c: &mut Criterion) {
    let root = tempfile::tempdir().unwrap();
    xfer_benches::corpus(root.path(), FILES, 500, 375).unwrap();
    let mut group = c.benchmark_group("pass/web");
    group.sample_size(10).throughput(Throughput::Elements(FILES as u64));
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        for (name, pixel_type, preprocessing) in
            [("f32", PixelType::F32, Preprocessing::Caffe), ("u8", PixelType::U8, Preprocessing::None)]
        {
            let options = FlowOptions { target_size: (224, 224), interpolation, pixel_type, ..FlowOptions::default() };
            let flow = ImageDataGenerator::new()
                .horizontal_flip(true)
                .preprocessing(preprocessing)
                .flow_from_directory(root.path(), &DirectoryOptions::default(), options)
                .unwrap();
            group.bench_function(format!("{interpolation}/{name}"), |b| {
                b.iter(|| {
                    let batches = flow.stream(0..1, &LoaderOptions::default()).unwrap().blocking();
                    let images: usize = batches.map(|batch| batch.unwrap().len()).sum();
                    assert_eq!(images, FILES);
                });
            });
        }
    }
}

criterion_group!(benches, pass);
criterion_main!(benches);
