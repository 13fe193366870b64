//! Decoding by content, and what is said of bytes that are no image.

use std::io::Cursor;
use std::path::PathBuf;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 5) as u8, (y * 3) as u8, (x + y) as u8]))
}

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decode(bytes: &[u8]) -> Result<Image, DecodeError> {
    Decoder::new().decode(bytes, &DecodeOptions::default()).cloned()
}

#[test]
fn lossless_formats_come_back_as_they_were() {
    let image = photo(33, 21);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
        let decoded = decode(&encode(image.clone(), format)).unwrap();
        assert_eq!((decoded.width, decoded.height), (33, 21), "{format:?}");
        assert_eq!(decoded.pixels, image.as_raw()[..], "{format:?}");
    }
}

#[test]
fn netpbm_files_are_known() {
    let decoded = decode(b"P6 2 1 255\n\x01\x02\x03\xfd\xfe\xff").unwrap();
    assert_eq!((decoded.width, decoded.height, &decoded.pixels[..]), (2, 1, &[1, 2, 3, 253, 254, 255][..]));
    assert_eq!(decode(b"P5 1 2 255\n\x07\x09").unwrap().pixels, [7, 7, 7, 9, 9, 9]);
}

#[test]
fn one_decoder_takes_images_of_any_size_in_turn() {
    let mut decoder = Decoder::new();
    for (width, height) in [(40, 30), (3, 5), (64, 64), (1, 1)] {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let image = decoder.decode(&encode(photo(width, height), format), &DecodeOptions::default()).unwrap();
            assert_eq!((image.width, image.height), (width as usize, height as usize));
            assert_eq!(image.pixels.len(), (width * height * 3) as usize);
        }
    }
}

// Pillow's rules, checked with Image.open(..).convert("RGB") of Pillow 13.0.
#[test]
fn other_pixel_types_become_rgb_as_in_pillow() {
    let grey = GrayImage::from_pixel(1, 1, Luma([77]));
    assert_eq!(decode(&encode(grey, ImageFormat::Png)).unwrap().pixels, [77, 77, 77]);
    let grey_alpha = ImageBuffer::from_pixel(1, 1, LumaA([77_u8, 3]));
    assert_eq!(decode(&encode(grey_alpha, ImageFormat::Png)).unwrap().pixels, [77, 77, 77]);
    let rgba = RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 0]));
    assert_eq!(decode(&encode(rgba, ImageFormat::Png)).unwrap().pixels, [1, 2, 3]);
    let deep_grey = ImageBuffer::from_fn(3, 1, |x, _| Luma([[200_u16, 255, 300][x as usize]]));
    assert_eq!(
        decode(&encode(deep_grey, ImageFormat::Png)).unwrap().pixels,
        [200, 200, 200, 255, 255, 255, 255, 255, 255]
    );
    let deep_rgb = ImageBuffer::from_pixel(1, 1, Rgb([0x1234_u16, 0xff00, 0x00ff]));
    assert_eq!(decode(&encode(deep_rgb, ImageFormat::Png)).unwrap().pixels, [0x12, 0xff, 0]);
}

#[test]
fn a_jpeg_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let whole = encode(photo(60, 40), ImageFormat::Jpeg);
    assert!(decode(&whole).is_ok());
    for len in 4..whole.len() - 1 {
        let error = decode(&whole[..len]).expect_err("a cut file");
        assert!(matches!(error, DecodeError::Truncated { .. } | DecodeError::Corrupt { .. }), "{len}: {error}");
    }
    let message = decode(&whole[..whole.len() / 2 + 100]).unwrap_err().to_string();
    assert_eq!(message, format!("the JPEG data is cut short after {} bytes", whole.len() / 2 + 100));
}

#[test]
fn an_end_marker_in_a_thumbnail_does_not_count() {
    let whole = encode(photo(60, 40), ImageFormat::Jpeg);
    let thumbnail = [0xff, 0xe1, 0, 8, 1, 2, 0xff, 0xd9, 3, 4];
    let bytes = [&whole[..2], &thumbnail, &whole[2..whole.len() - 200]].concat();
    assert!(matches!(decode(&bytes), Err(DecodeError::Truncated { .. })));
}

#[test]
fn what_is_no_image_is_named() {
    assert!(matches!(decode(b""), Err(DecodeError::Empty)));
    let message = decode(b"hello, I am text").unwrap_err().to_string();
    assert!(message.starts_with("not an image: begins with \"hello, I\""), "{message}");
    let message = decode(b"\x00\xff\"\n").unwrap_err().to_string();
    assert!(message.contains(r#"begins with "\x00\xff\"\n""#), "{message}");
}

#[test]
fn a_header_that_asks_for_too_much_is_refused_before_anything_is_allocated() {
    let mut bytes = encode(photo(8, 8), ImageFormat::Bmp);
    bytes[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    assert!(matches!(decode(&bytes), Err(DecodeError::TooLarge { width: 60_000, height: 60_000 })));

    let mut bytes = encode(photo(8, 8), ImageFormat::Jpeg);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    assert!(matches!(decode(&bytes), Err(DecodeError::TooLarge { width: 60_000, height: 60_000 })));
}

#[test]
fn sizes_without_pixels_and_bombs_are_refused_in_every_format() {
    let sides = |bytes: &[u8], at: usize, size: usize, big: bool, (width, height): (u32, u32)| {
        let mut bytes = bytes.to_vec();
        for (index, side) in [width, height].into_iter().enumerate() {
            let value = if big { side.to_be_bytes()[4 - size..].to_vec() } else { side.to_le_bytes()[..size].to_vec() };
            bytes[at + index * size..][..size].copy_from_slice(&value);
        }
        bytes
    };
    let png = encode(photo(8, 8), ImageFormat::Png);
    let bmp = encode(photo(8, 8), ImageFormat::Bmp);
    for size in [(0, 5), (5, 0)] {
        for bytes in [sides(&png, 16, 4, true, size), sides(&bmp, 18, 4, false, size)] {
            assert!(matches!(decode(&bytes), Err(DecodeError::NoPixels { .. })), "{size:?}");
        }
        assert!(matches!(
            decode(format!("P6 {} {} 255\n", size.0, size.1).as_bytes()),
            Err(DecodeError::NoPixels { .. })
        ));
    }
    for size in [(u32::MAX, u32::MAX), (u32::MAX, 1), (13_378, 13_378)] {
        let bytes = sides(&png, 16, 4, true, size);
        assert!(matches!(decode(&bytes), Err(DecodeError::TooLarge { .. })), "{size:?}");
    }
    // Long and thin is fine, so that only the pixels are missing.
    for size in [(65_535, 1), (1, 65_535)] {
        assert!(matches!(decode(&sides(&bmp, 18, 4, false, size)), Err(DecodeError::Truncated { .. })));
    }
    // Every image of a GIF may be larger than its screen.
    let mut gif = fixture("palette1.gif");
    let image = gif.windows(5).position(|bytes| bytes == [b',', 0, 0, 0, 0]).unwrap();
    gif[image + 5..image + 9].fill(0xff);
    assert!(matches!(decode(&gif), Err(DecodeError::TooLarge { .. })));
    let tiff = fixture("rgb.tif");
    for (tag, at) in [(0x100_u16, 0), (0x101, 1)] {
        let mut bytes = tiff.clone();
        let entry = bytes.windows(4).position(|bytes| bytes[..2] == tag.to_le_bytes() && bytes[2..] == [3, 0]).unwrap();
        bytes[entry + 2..entry + 12].copy_from_slice(&[4, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]);
        assert!(matches!(decode(&bytes), Err(DecodeError::TooLarge { .. })), "{at}");
    }
}

/// A file of `tests/fixtures/formats`.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats")
}

fn every_fixture() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_cut_anywhere_is_cut_short_or_has_all_its_pixels() {
    let mut decoder = Decoder::new();
    let options = DecodeOptions { color_mode: ColorMode::Rgba, ..DecodeOptions::default() };
    for (name, bytes) in every_fixture() {
        let whole = decoder.decode(&bytes, &options).unwrap().pixels.clone();
        // A plain number that lost a digit is a number still.
        let len = if name.starts_with("plain") { bytes.len() - 20 } else { bytes.len() };
        for len in 12..len {
            match decoder.decode(&bytes[..len], &options) {
                Ok(image) => assert!(image.pixels == whole, "{name} cut to {len}"),
                Err(error @ DecodeError::Truncated { .. }) => assert_eq!(error.offset(), Some(len as u64)),
                Err(error) => panic!("{name} cut to {len} of {}: {error}", bytes.len()),
            }
        }
    }
}

#[test]
fn what_follows_an_image_does_not_matter() {
    for (name, mut bytes) in every_fixture() {
        let clean = decode(&bytes).unwrap();
        bytes.extend_from_slice(b" a trailer as phones write it \xff\xd8\xff");
        assert!(decode(&bytes).unwrap() == clean, "{name}");
    }
}

#[test]
fn errors_say_where_in_the_file() {
    let mut png = fixture("rgb8.png");
    let data = png.windows(4).position(|name| name == b"IDAT").unwrap();
    png[data + 4] ^= 0xff;
    let error = decode(&png).unwrap_err();
    assert!(error.offset().unwrap() >= data as u64, "{error}");
    assert!(error.to_string().starts_with(&format!("corrupt PNG data at byte {}: ", error.offset().unwrap())));

    // A table of Huffman codes that cannot be.
    let mut jpeg = fixture("420.jpg");
    let table = jpeg.windows(2).position(|marker| marker == [0xff, 0xc4]).unwrap();
    jpeg[table + 5..table + 10].fill(0xff);
    assert_eq!(decode(&jpeg).unwrap_err().offset(), Some(table as u64));

    let mut gif = fixture("palette8.gif");
    gif[13 + 3 * 256 + 10] = 12;
    let error = decode(&gif).unwrap_err();
    assert_eq!(error.to_string(), "corrupt GIF data at byte 791: LZW codes of 12 bits");
}

#[test]
fn alpha_is_dropped_or_laid_over_a_colour() {
    let rgba = encode(RgbaImage::from_pixel(1, 1, Rgba([10, 20, 30, 128])), ImageFormat::Png);
    let over = |color_mode, bytes: &[u8]| {
        let options = DecodeOptions { color_mode, alpha: Alpha::Composite([200, 100, 0]), ..DecodeOptions::default() };
        Decoder::new().decode(bytes, &options).unwrap().pixels.clone()
    };
    // By Pillow 13: alpha_composite(Image.new("RGBA", (1, 1), (200, 100, 0)), image).convert(..).
    assert_eq!(over(ColorMode::Rgb, &rgba), [105, 60, 15]);
    assert_eq!(over(ColorMode::Grayscale, &rgba), [68]);
    assert_eq!(over(ColorMode::Rgba, &rgba), [10, 20, 30, 128]);
    // Palettes and single colours are transparent too.
    let gif = over(ColorMode::Rgb, &fixture("transparent.gif"));
    let dropped = decode(&fixture("transparent.gif")).unwrap().pixels;
    let changed = gif.chunks(3).zip(dropped.chunks(3)).filter(|(over, dropped)| over != dropped);
    assert!(changed.clone().count() > 0 && changed.clone().all(|(over, _)| over == [200, 100, 0]));
    assert!(over(ColorMode::Rgb, &fixture("grey8-trns.png")).chunks(3).any(|pixel| pixel == [200, 100, 0]));
}

#[test]
fn deep_grey_is_kept_clipped_or_scaled() {
    let deep = ImageBuffer::from_fn(4, 1, |x, _| Luma([[200_u16, 255, 0x1234, 65_535][x as usize]]));
    let bytes = encode(deep, ImageFormat::Png);
    let mut decoder = Decoder::new();
    let mut decode = |color_mode, depth16| {
        let options = DecodeOptions { color_mode, depth16, ..DecodeOptions::default() };
        decoder.decode(&bytes, &options).unwrap().clone()
    };
    let kept = decode(ColorMode::Grayscale, Depth16::Clip);
    assert_eq!(kept.deep, Some(Deep { kind: DeepKind::I16, values: vec![200, 255, 0x1234, 65_535] }));
    assert!(kept.pixels.is_empty() && !kept.clipped);
    let clipped = decode(ColorMode::Rgb, Depth16::Clip);
    assert_eq!(clipped.pixels, [[200; 3], [255; 3], [255; 3], [255; 3]].concat());
    assert!(clipped.clipped && clipped.deep.is_none());
    let scaled = decode(ColorMode::Grayscale, Depth16::Scale);
    assert_eq!(scaled.pixels, [0, 0, 0x12, 255]);
    assert!(!scaled.clipped && scaled.deep.is_none());
}

#[test]
fn orientation_is_told_and_applied_when_asked_for() {
    let mut decoder = Decoder::new();
    for value in 1..=8 {
        let bytes = fixture(&format!("orientation{value}.jpg"));
        for exif in [ExifOrientation::Ignore, ExifOrientation::Apply] {
            let options = DecodeOptions { exif, ..DecodeOptions::default() };
            let image = decoder.decode(&bytes, &options).unwrap();
            assert_eq!(image.orientation, value);
            let turned = value >= 5 && exif == ExifOrientation::Apply;
            assert_eq!((image.width, image.height), if turned { (9, 13) } else { (13, 9) });
        }
    }
}

#[test]
fn small_files_of_many_scans_are_refused() {
    let bytes = fixture("grey.jpg");
    let scan = bytes.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    let end = scan + 4 + bytes[scan + 4..].windows(2).position(|pair| pair[0] == 0xff && pair[1] != 0).unwrap();
    let more = [&bytes[..end], &bytes[scan..end].repeat(600), &bytes[end..]].concat();
    let message = decode(&more).unwrap_err().to_string();
    assert!(message.ends_with("more than 500 scans"), "{message}");
}

#[test]
fn damaged_bytes_give_an_image_or_an_error() {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut files: Vec<Vec<u8>> = every_fixture().into_iter().map(|(_, bytes)| bytes).collect();
    files.extend([ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP].map(|format| encode(photo(24, 24), format)));
    let mut decoder = Decoder::new();
    for whole in files {
        for round in 0..40 {
            let mut bytes = whole.clone();
            for _ in 0..1 + next() % 8 {
                let at = 4 + next() % (bytes.len() - 4);
                bytes[at] = next() as u8;
            }
            bytes.truncate(bytes.len() - if round % 4 == 0 { next() % 20 } else { 0 });
            let options = DecodeOptions {
                color_mode: [ColorMode::Rgb, ColorMode::Rgba, ColorMode::Grayscale][round % 3],
                exif: [ExifOrientation::Ignore, ExifOrientation::Apply][round % 2],
                depth16: [Depth16::Clip, Depth16::Scale][round / 2 % 2],
                alpha: [Alpha::Drop, Alpha::Composite([9, 99, 199])][round / 4 % 2],
            };
            // A decoder's panic is contained by the pipeline; here it only must not go unnoticed.
            let attempt = std::panic::AssertUnwindSafe(|| decoder.decode(&bytes, &options).cloned());
            match std::panic::catch_unwind(attempt) {
                Ok(Ok(image)) => {
                    let pixels = image.width * image.height;
                    let deep = image.deep.as_ref().map_or(0, |deep| deep.values.len());
                    assert_eq!(image.pixels.len() + deep * image.channels, pixels * image.channels);
                    assert_eq!(image.channels, options.color_mode.channels());
                    assert!((1..=8).contains(&image.orientation));
                }
                Ok(Err(error)) => assert!(error.offset().is_none_or(|offset| offset <= bytes.len() as u64), "{error}"),
                // Only zune-jpeg is known to.
                Err(_) => {
                    assert_eq!(format_of(&bytes).unwrap(), FileFormat::Jpeg);
                    decoder = Decoder::new();
                }
            }
        }
    }
}
