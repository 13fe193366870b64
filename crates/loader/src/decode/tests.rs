//! Decoding by content, and what is said of bytes that are no image.

use std::io::Cursor;

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
fn a_png_that_is_cut_short_is_an_error() {
    let whole = encode(photo(60, 40), ImageFormat::Png);
    for len in (8..whole.len() - 12).step_by(3) {
        decode(&whole[..len]).expect_err("a cut file");
    }
}

#[test]
fn bytes_after_the_end_of_a_jpeg_are_ignored() {
    let mut bytes = encode(photo(16, 16), ImageFormat::Jpeg);
    let clean = decode(&bytes).unwrap();
    bytes.extend_from_slice(b"a trailer as phones write it");
    assert_eq!(decode(&bytes).unwrap(), clean);
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
fn damaged_bytes_give_an_image_or_an_error() {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif] {
        let whole = encode(photo(24, 24), format);
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..1 + next() % 8 {
                let at = 12 + next() % (bytes.len() - 12);
                bytes[at] = next() as u8;
            }
            // A decoder's panic is contained by the pipeline; here it only must not go unnoticed.
            let result = std::panic::catch_unwind(|| decode(&bytes));
            if let Ok(Ok(image)) = result {
                assert_eq!(image.pixels.len(), image.width * image.height * 3);
            }
        }
    }
}
