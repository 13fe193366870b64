//! One image through each stage of the loader, and resizing beside `fast_image_resize`, which is not equal to Pillow.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fast_image_resize::images::{Image as FirImage, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer as FirResizer};
use xfer_benches::{Case, NAMES, Photos, SIDE};

/// Megapixels (or, where files are read, bytes) a second of each stage.
fn stages(c: &mut Criterion) {
    let photos = Photos::draw().unwrap();
    for stage in ["read", "decode", "resize", "standardize"] {
        let mut group = c.benchmark_group(stage);
        for name in NAMES {
            let Some(rest) = name.strip_prefix(stage).and_then(|rest| rest.strip_prefix('/')) else { continue };
            let mut case = Case::new(name, &photos, 1).unwrap();
            group.throughput(match stage {
                "read" => Throughput::Bytes(case.bytes as u64),
                _ => Throughput::Elements(case.pixels as u64),
            });
            group.sample_size(if rest.contains("phone") { 20 } else { 100 });
            group.bench_function(rest, |b| b.iter(|| case.run().unwrap()));
        }
    }
}

fn another_resizer(c: &mut Criterion) {
    let mut group = c.benchmark_group("resize");
    for (name, width, height) in [("small", 225, 225), ("web", 500, 375), ("phone", 4032, 3024)] {
        // What pixels hold makes no difference here.
        let pixels: Vec<u8> = (0..width * height * 3).map(|at| ((at * 7919) >> 5) as u8).collect();
        let source = ImageRef::new(width as u32, height as u32, &pixels, PixelType::U8x3).unwrap();
        let mut target = FirImage::new(SIDE as u32, SIDE as u32, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let mut resizer = FirResizer::new();
        group.throughput(Throughput::Elements((width * height) as u64));
        group.bench_function(format!("{name}/bilinear fast_image_resize"), |b| {
            b.iter(|| resizer.resize(&source, &mut target, &options).unwrap());
        });
    }
}

criterion_group!(benches, stages, another_resizer);
criterion_main!(benches);
