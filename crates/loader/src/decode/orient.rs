//! Pixels turned and mirrored as `PIL.ImageOps.exif_transpose` does.

use super::Image;

/// Pixels along a side of the squares that are turned at a time, so that both sides stay in the cache.
const TILE: usize = 32;

/// Applies EXIF orientation `orientation` (1 to 8); `scratch` takes the old pixels.
pub(super) fn apply(image: &mut Image, orientation: u8, scratch: &mut Vec<u8>) {
    if !(2..=8).contains(&orientation) {
        return;
    }
    let size = (image.width, image.height);
    if image.deep.is_none() {
        std::mem::swap(&mut image.pixels, scratch);
        image.pixels.resize(scratch.len(), 0);
        match image.channels {
            1 => turn::<u8, 1>(scratch, &mut image.pixels, size, orientation),
            3 => turn::<u8, 3>(scratch, &mut image.pixels, size, orientation),
            _ => turn::<u8, 4>(scratch, &mut image.pixels, size, orientation),
        }
    }
    if let Some(deep) = &mut image.deep {
        let old = std::mem::take(&mut deep.values);
        deep.values.resize(old.len(), 0);
        turn::<i32, 1>(&old, &mut deep.values, size, orientation);
    }
    if orientation >= 5 {
        image.width = size.1;
        image.height = size.0;
    }
}

fn turn<T: Copy, const N: usize>(from: &[T], to: &mut [T], (width, height): (usize, usize), orientation: u8) {
    let (from, to) = (from.as_chunks::<N>().0, to.as_chunks_mut::<N>().0);
    // Where a pixel comes from: the first one's place, and the steps to it from one pixel right and one down.
    let (last_x, last_y) = (width - 1, (height - 1) * width);
    let (across, down) = (1, width as isize);
    let (first, right, below) = match orientation {
        2 => (last_x, -across, down),
        3 => (last_y + last_x, -across, -down),
        4 => (last_y, across, -down),
        5 => (0, down, across),
        6 => (last_y, -down, across),
        7 => (last_y + last_x, -down, -across),
        8 => (last_x, down, -across),
        _ => (0, across, down),
    };
    let (width, height) = if orientation >= 5 { (height, width) } else { (width, height) };
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..height.min(top + TILE) {
                let row = first as isize + y as isize * below;
                for x in left..width.min(left + TILE) {
                    to[y * width + x] = from[(row + x as isize * right) as usize];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Deep, DeepKind};

    fn turned(orientation: u8) -> (usize, Vec<u8>) {
        let mut image = Image { width: 3, height: 2, channels: 1, pixels: b"abcdef".to_vec(), ..Image::default() };
        apply(&mut image, orientation, &mut Vec::new());
        (image.width, image.pixels)
    }

    // As Image.transpose gives them.
    #[test]
    fn a_letter_is_read_the_right_way_round() {
        let expected: [(usize, &[u8]); 8] = [
            (3, b"abcdef"),
            (3, b"cbafed"),
            (3, b"fedcba"),
            (3, b"defabc"),
            (2, b"adbecf"),
            (2, b"daebfc"),
            (2, b"fcebda"),
            (2, b"cfbead"),
        ];
        for (orientation, (width, pixels)) in (1..).zip(expected) {
            assert_eq!(turned(orientation), (width, pixels.to_vec()), "{orientation}");
        }
    }

    #[test]
    fn large_and_deep_images_are_turned_whole() {
        let (width, height) = (TILE * 2 + 5, TILE + 3);
        let values: Vec<i32> = (0..(width * height) as i32).collect();
        let mut image = Image {
            width,
            height,
            channels: 1,
            deep: Some(Deep { kind: DeepKind::I16, values: values.clone() }),
            ..Image::default()
        };
        apply(&mut image, 6, &mut Vec::new());
        assert_eq!((image.width, image.height), (height, width));
        let turned = &image.deep.as_ref().unwrap().values;
        for (at, &value) in turned.iter().enumerate() {
            let (x, y) = (at % height, at / height);
            assert_eq!(value, values[(height - 1 - x) * width + y]);
        }
        apply(&mut image, 8, &mut Vec::new());
        assert_eq!(image.deep.unwrap().values, values);
    }
}
