use super::*;

fn view(pixels: &[u8], size: (usize, usize), channels: usize) -> View<'_> {
    View { pixels, height: size.0, width: size.1, channels }
}

fn resized(source: View<'_>, crop: Option<Crop>, to: (usize, usize), interpolation: Interpolation) -> Vec<u8> {
    let mut out = vec![0; to.0 * to.1 * source.channels];
    Resizer::new().resize(source, crop, &mut out, to, interpolation);
    out
}

#[test]
fn the_same_size_is_a_copy() {
    let pixels: Vec<u8> = (0..5 * 4 * 12).collect();
    let deep: Vec<i32> = pixels.iter().map(|&value| i32::from(value) * 1000).collect();
    for interpolation in Interpolation::ALL {
        for channels in [1, 3, 4] {
            let pixels = &pixels[..5 * 4 * channels];
            for crop in [None, Some(Crop::whole((5, 4)))] {
                assert_eq!(resized(view(pixels, (5, 4), channels), crop, (5, 4), interpolation), pixels);
            }
        }
        let mut out = vec![0; 20];
        let source = DeepView { pixels: &deep[..20], height: 5, width: 4, kind: DeepKind::I32 };
        Resizer::new().resize_deep(source, None, &mut out, (5, 4), interpolation);
        assert_eq!(out, deep[..20]);
    }
}

#[test]
fn a_part_of_the_size_of_the_result_is_cut_out() {
    let pixels: Vec<u8> = (0..5 * 4).collect();
    let crop = Some(Crop { top: 2, left: 1, height: 2, width: 3 });
    for interpolation in Interpolation::ALL {
        assert_eq!(resized(view(&pixels, (5, 4), 1), crop, (2, 3), interpolation), [9, 10, 11, 13, 14, 15]);
    }
    let rgba = [[1, 2, 3, 255], [50, 60, 70, 100], [3, 200, 7, 3]].concat();
    let crop = Some(Crop { top: 0, left: 1, height: 1, width: 2 });
    assert_eq!(resized(view(&rgba, (1, 3), 4), crop, (1, 2), Interpolation::Nearest), rgba[4..]);
    // Pillow loses what alpha hides.
    let there_and_back = [51, 61, 68, 100, 0, 170, 0, 3];
    assert_eq!(resized(view(&rgba, (1, 3), 4), crop, (1, 2), Interpolation::Box), there_and_back);
}

#[test]
fn a_flat_image_stays_flat() {
    for colour in [&[7][..], &[7, 130, 255], &[7, 130, 255, 255]] {
        let pixels = colour.repeat(31 * 17);
        for interpolation in Interpolation::ALL {
            for to in [(1, 1), (5, 40), (64, 3), (17, 31)] {
                for crop in [None, Some(keep_aspect_box((31, 17), to))] {
                    let out = resized(view(&pixels, (31, 17), colour.len()), crop, to, interpolation);
                    assert_eq!(out, colour.repeat(to.0 * to.1), "{interpolation} to {to:?}");
                }
            }
        }
    }
}

#[test]
fn extreme_sizes() {
    let mut resizer = Resizer::new();
    for (from, to) in [((65_535, 1), (224, 224)), ((1, 65_535), (224, 224)), ((1, 1), (4096, 4096))] {
        let pixels = vec![200; from.0 * from.1];
        let mut out = vec![0; to.0 * to.1];
        for interpolation in Interpolation::ALL {
            for crop in [None, Some(keep_aspect_box(from, to))] {
                resizer.resize(view(&pixels, from, 1), crop, &mut out, to, interpolation);
                assert!(out.iter().all(|&value| value == 200), "{interpolation} {from:?} to {to:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "Crop")]
fn a_part_outside_is_refused() {
    let crop = Some(Crop { top: 0, left: 2, height: 1, width: 2 });
    resized(view(&[1, 2, 3], (1, 3), 1), crop, (1, 1), Interpolation::Nearest);
}
