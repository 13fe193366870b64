//! One image through each stage of the loader, and resizing beside `fast_image_resize`, which is faster and
//! not equal to Pillow.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fast_image_resize::images::{Image as FirImage, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer as FirResizer};
use xfer_benches::{jpeg, picture};
use xfer_loader::stages::{Decoder, Resizer, View};
use xfer_loader::{DecodeOptions, Interpolation, Preprocessing};

const SIZES: [(&str, usize, usize); 3] = [("small", 225, 225), ("web", 500, 375), ("phone", 4032, 3024)];
const SIDE: usize = 224;

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for (name, width, height) in SIZES {
        let bytes = jpeg(width, height, 1).unwrap();
        let mut decoder = Decoder::new();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| decoder.decode(&bytes, &DecodeOptions::default()).unwrap().pixels.len());
        });
    }
}

fn resize(c: &mut Criterion) {
    let mut group = c.benchmark_group("resize");
    let mut out = vec![0; SIDE * SIDE * 3];
    for (name, width, height) in SIZES {
        let pixels = picture(width, height, 1);
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
            let mut resizer = Resizer::new();
            let view = View { pixels: &pixels, height, width, channels: 3 };
            group.bench_function(format!("{name}/{interpolation}"), |b| {
                b.iter(|| resizer.resize(view, None, &mut out, (SIDE, SIDE), interpolation));
            });
        }
        let source = ImageRef::new(width as u32, height as u32, &pixels, PixelType::U8x3).unwrap();
        let mut target = FirImage::new(SIDE as u32, SIDE as u32, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let mut resizer = FirResizer::new();
        group.bench_function(format!("{name}/bilinear fast_image_resize"), |b| {
            b.iter(|| resizer.resize(&source, &mut target, &options).unwrap());
        });
    }
}

fn standardize(c: &mut Criterion) {
    let mut group = c.benchmark_group("standardize");
    let pixels = picture(SIDE, SIDE, 1);
    for preprocessing in [Preprocessing::None, Preprocessing::Caffe, Preprocessing::Tf] {
        group.bench_function(preprocessing.to_string(), |b| {
            b.iter_batched_ref(
                || vec![0.0; pixels.len()],
                |out| preprocessing.apply(&pixels, out),
                BatchSize::LargeInput,
            );
        });
    }
}

criterion_group!(benches, decode, resize, standardize);
criterion_main!(benches);
