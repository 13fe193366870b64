//! Files of random coefficients, decoded in part and whole.

use super::super::headers::ZIGZAG;
use super::super::{Scratch, decode};
use crate::decode::raster::Raster;
use crate::decode::{DecodeError, DecodeOptions, Decoder, ExifOrientation, Extent, Image, Wanted};
use crate::resize::{Interpolation, Resizer, View, keep_aspect_box};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// What an encoder is told.
#[derive(Clone, Debug)]
struct Kind {
    size: (usize, usize),
    sampling: Vec<(usize, usize)>,
    progressive: bool,
    restart_interval: usize,
}

impl Kind {
    fn random(random: &mut Random, most: usize) -> Self {
        const SAMPLINGS: [&[(usize, usize)]; 9] = [
            &[(1, 1)],
            &[(1, 1), (1, 1), (1, 1)],
            &[(2, 1), (1, 1), (1, 1)],
            &[(1, 2), (1, 1), (1, 1)],
            &[(2, 2), (1, 1), (1, 1)],
            &[(4, 1), (1, 1), (1, 1)],
            &[(2, 2), (2, 1), (1, 2)],
            &[(1, 1), (1, 1), (1, 1), (1, 1)],
            &[(2, 2), (1, 1), (1, 1), (2, 2)],
        ];
        Self {
            size: (1 + random.below(most), 1 + random.below(most)),
            sampling: SAMPLINGS[random.below(SAMPLINGS.len())].to_vec(),
            progressive: random.below(3) == 0,
            restart_interval: random.below(2) * (1 + random.below(9)),
        }
    }
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    bits: u32,
    count: u32,
}

impl BitWriter {
    fn put(&mut self, bits: usize, count: u32) {
        for place in (0..count).rev() {
            self.bits = self.bits << 1 | (bits >> place & 1) as u32;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.bits as u8);
                if self.bits == 0xff {
                    self.bytes.push(0);
                }
                (self.bits, self.count) = (0, 0);
            }
        }
    }

    fn flush(&mut self) {
        while self.count > 0 {
            self.put(1, 1);
        }
    }

    fn value(&mut self, value: i32) {
        let size = size(value);
        self.put((if value < 0 { value - 1 + (1 << size) } else { value }) as usize, size);
    }
}

fn size(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// The symbols of the tables: four short codes, and the others of 10 bits.
fn ac_symbols() -> Vec<u8> {
    let mut symbols = vec![0x00, 0x01, 0x02, 0x11, 0xf0];
    let others = (0..=15).flat_map(|run| (1..=10).map(move |size| run << 4 | size));
    symbols.extend(others.filter(|symbol| ![0x01, 0x02, 0x11].contains(symbol)));
    symbols
}

fn put_symbol(writer: &mut BitWriter, symbols: &[u8], symbol: u8) {
    match symbols.iter().position(|&known| known == symbol).unwrap() {
        at @ 0..2 => writer.put(at, 2),
        at @ 2..4 => writer.put(0b100 + at - 2, 3),
        at => writer.put((0b11 << 8) + at - 4, 10),
    }
}

fn put_ac(writer: &mut BitWriter, symbols: &[u8], coefficients: &[i32; 64]) {
    let mut run = 0;
    for &natural in &ZIGZAG[1..] {
        let value = coefficients[usize::from(natural)];
        if value == 0 {
            run += 1;
            continue;
        }
        while run > 15 {
            put_symbol(writer, symbols, 0xf0);
            run -= 16;
        }
        put_symbol(writer, symbols, run << 4 | size(value) as u8);
        writer.value(value);
        run = 0;
    }
    if run > 0 {
        put_symbol(writer, symbols, 0);
    }
}

fn segment(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    out.extend([0xff, marker]);
    out.extend(((body.len() + 2) as u16).to_be_bytes());
    out.extend(body);
}

/// A file whose blocks are random, with some of them full and some empty.
fn encode(kind: &Kind, random: &mut Random) -> Vec<u8> {
    let Kind { size: (height, width), sampling, progressive, restart_interval } = kind;
    let symbols = ac_symbols();
    let mut out = vec![0xff, 0xd8];
    segment(&mut out, 0xdb, &[&[0][..], &[7; 64]].concat());
    let mut frame = vec![8];
    frame.extend((*height as u16).to_be_bytes());
    frame.extend((*width as u16).to_be_bytes());
    frame.push(sampling.len() as u8);
    for (id, (h, v)) in sampling.iter().enumerate() {
        frame.extend([id as u8, (h << 4 | v) as u8, 0]);
    }
    segment(&mut out, if *progressive { 0xc2 } else { 0xc0 }, &frame);
    let dc: Vec<u8> = (0..12).collect();
    let mut counts = [0; 16];
    counts[3] = 12;
    segment(&mut out, 0xc4, &[&[0x00][..], &counts, &dc].concat());
    let mut counts = [0; 16];
    (counts[1], counts[2], counts[9]) = (2, 2, symbols.len() as u8 - 4);
    segment(&mut out, 0xc4, &[&[0x10][..], &counts, &symbols].concat());
    segment(&mut out, 0xdd, &(*restart_interval as u16).to_be_bytes());

    let most = (sampling.iter().map(|s| s.0).max().unwrap(), sampling.iter().map(|s| s.1).max().unwrap());
    let units = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
    let fullness = 1 + random.below(12);
    let draw = |random: &mut Random| {
        let mut block = [0; 64];
        block[0] = random.below(161) as i32 - 80;
        for _ in 0..[0, 3, 20, 200][random.below(4).min(random.below(1 + fullness))] {
            let at = random.below(64);
            block[at] = (random.below(41) as i32 - 20) >> random.below(4);
        }
        block
    };
    let blocks: Vec<Vec<[i32; 64]>> =
        sampling.iter().map(|(h, v)| (0..units.0 * h * units.1 * v).map(|_| draw(random)).collect()).collect();

    let mut scan = |members: &[usize], band: Option<(u8, u8)>| {
        let (first, last) = band.unwrap_or((0, 63));
        let mut header = vec![members.len() as u8];
        members.iter().for_each(|&member| header.extend([member as u8, 0]));
        header.extend([first, last, 0]);
        segment(&mut out, 0xda, &header);
        let mut writer = BitWriter::default();
        let mut predictions = [0; 4];
        let own = |member: usize| {
            let (h, v) = sampling[member];
            ((width * h).div_ceil(most.0 * 8), (height * v).div_ceil(most.1 * 8))
        };
        let grid = if let [member] = members { own(*member) } else { units };
        for unit in 0..grid.0 * grid.1 {
            if *restart_interval > 0 && unit > 0 && unit % restart_interval == 0 {
                writer.flush();
                writer.bytes.extend([0xff, 0xd0 + ((unit / restart_interval - 1) % 8) as u8]);
                predictions = [0; 4];
            }
            for &member in members {
                let (h, v) = if members.len() == 1 { (1, 1) } else { sampling[member] };
                for part in 0..h * v {
                    let (x, y) = (unit % grid.0 * h + part % h, unit / grid.0 * v + part / h);
                    let block = &blocks[member][y * units.0 * sampling[member].0 + x];
                    if first == 0 {
                        let difference = block[0] - predictions[member];
                        predictions[member] = block[0];
                        writer.put(size(difference) as usize, 4);
                        writer.value(difference);
                    }
                    if last > 0 {
                        put_ac(&mut writer, &symbols, block);
                    }
                }
            }
        }
        writer.flush();
        out.extend(writer.bytes);
    };
    let all: Vec<usize> = (0..sampling.len()).collect();
    // Interleaved units have ten blocks at most.
    let together = sampling.iter().map(|(h, v)| h * v).sum::<usize>() <= 10 && random.below(4) > 0;
    match (progressive, together) {
        (false, true) => scan(&all, None),
        (false, false) => all.iter().for_each(|&member| scan(&[member], None)),
        (true, _) => {
            scan(&all, Some((0, 0)));
            all.iter().for_each(|&member| scan(&[member], Some((1, 63))));
        }
    }
    out.extend([0xff, 0xd9]);
    out
}

fn finished(image: &Image, wanted: &Wanted) -> Vec<u8> {
    let crop = wanted.keep_aspect_ratio.then(|| keep_aspect_box(image.picture, wanted.target));
    let mut out = vec![0; wanted.target.0 * wanted.target.1 * image.channels];
    let view = View { pixels: &image.pixels, height: image.height, width: image.width, channels: image.channels };
    let mut resizer = Resizer::new();
    match image.extent {
        Extent::Whole => resizer.resize(view, crop, &mut out, wanted.target, wanted.interpolation),
        Extent::Picked => out.copy_from_slice(view.pixels),
        Extent::Reduced(n) => {
            resizer.resize_reduced(view, n, image.picture, crop, &mut out, wanted.target, wanted.interpolation);
        }
    }
    out
}

fn nearest(target: (usize, usize), keep_aspect_ratio: bool) -> Wanted {
    Wanted { target, interpolation: Interpolation::Nearest, keep_aspect_ratio, scaled: false }
}

#[test]
fn picked_pixels_are_those_of_the_whole_picture() {
    let mut random = Random(1);
    // One of each kept, so that what an earlier file left behind would show.
    let (mut partly, mut whole) = (Decoder::new(), Decoder::new());
    let mut picked = 0;
    for round in 0..600 {
        let kind = Kind::random(&mut random, if round % 10 == 0 { 400 } else { 90 });
        let bytes = encode(&kind, &mut random);
        let options = DecodeOptions::default();
        let expected = whole.decode(&bytes, &options).unwrap();
        assert_eq!((expected.height, expected.width), kind.size);
        for _ in 0..4 {
            let target = (1 + random.below(kind.size.0 + 3), 1 + random.below(kind.size.1 + 3));
            let wanted = nearest(target, random.below(2) == 0);
            let crop = keep_aspect_box(kind.size, target);
            if wanted.keep_aspect_ratio && (crop.height == 0 || crop.width == 0) {
                continue;
            }
            let image = partly.decode_for(&bytes, &options, &wanted).unwrap();
            picked += usize::from(image.extent == Extent::Picked);
            assert_eq!(image.picture, kind.size);
            assert!(finished(image, &wanted) == finished(expected, &wanted), "{kind:?} {wanted:?}");
        }
    }
    assert!(picked > 700, "{picked}");
}

/// Decodes with coefficients passed over by tables, as only large files are.
#[test]
fn large_files_are_passed_over_by_table() {
    let mut random = Random(2);
    for sampling in [[(2, 2), (1, 1), (1, 1)], [(1, 1); 3]] {
        let kind = Kind { size: (700, 900), sampling: sampling.to_vec(), progressive: false, restart_interval: 50 };
        let bytes = encode(&kind, &mut random);
        let expected = Decoder::new().decode(&bytes, &DecodeOptions::default()).unwrap().clone();
        for target in [(5, 7), (20, 30), (60, 3)] {
            let wanted = nearest(target, false);
            let mut decoder = Decoder::new();
            let image = decoder.decode_for(&bytes, &DecodeOptions::default(), &wanted).unwrap();
            assert_eq!(image.extent, Extent::Picked);
            assert!(finished(image, &wanted) == finished(&expected, &wanted), "{kind:?} {wanted:?}");
        }
    }
}

/// The pixels, or what is said of them.
fn outcome(result: Result<&Image, DecodeError>, wanted: &Wanted) -> Result<Vec<u8>, String> {
    result.map(|image| finished(image, wanted)).map_err(|error| error.to_string())
}

#[test]
fn damage_is_found_in_part_as_in_the_whole() {
    let mut random = Random(3);
    let (mut partly, mut whole) = (Decoder::new(), Decoder::new());
    let (mut errors, mut mended) = (0, 0);
    for round in 0..900 {
        let mut kind = Kind::random(&mut random, 70);
        if round % 30 == 0 {
            kind = Kind { size: (560, 700), sampling: vec![(1, 1); 3], progressive: false, restart_interval: 0 };
        }
        let mut bytes = encode(&kind, &mut random);
        for _ in 0..1 + random.below(3) {
            let at = 2 + random.below(bytes.len() - 2);
            bytes[at] = random.below(256) as u8;
        }
        if round % 7 == 0 {
            bytes.truncate(bytes.len() - random.below(40));
        }
        let wanted = nearest((1 + random.below(40), 1 + random.below(40)), false);
        let options = DecodeOptions::default();
        // zune-jpeg, which unusual files go to, is known to panic.
        let attempt = std::panic::AssertUnwindSafe(|| outcome(whole.decode(&bytes, &options), &wanted));
        let Ok(expected) = std::panic::catch_unwind(attempt) else {
            (partly, whole) = (Decoder::new(), Decoder::new());
            continue;
        };
        let found = outcome(partly.decode_for(&bytes, &options, &wanted), &wanted);
        errors += usize::from(found.is_err());
        assert!(found == expected, "{round} {kind:?} {wanted:?}");

        let scaled = Wanted { interpolation: Interpolation::Bilinear, scaled: true, ..wanted };
        let image = partly.decode_for(&bytes, &options, &scaled);
        assert_eq!(image.as_ref().err().map(ToString::to_string), expected.err(), "{round} {kind:?}");
        mended += usize::from(image.is_ok_and(|image| image.extent == Extent::Whole));
    }
    assert!(errors > 50 && mended > 100, "{errors} {mended}");
}

#[test]
fn a_photo_that_is_turned_or_damaged_is_decoded_whole() {
    let mut random = Random(4);
    let kind = Kind { size: (64, 64), sampling: vec![(1, 1)], progressive: false, restart_interval: 0 };
    let bytes = encode(&kind, &mut random);
    let exif = [b"Exif\0\0", &super::super::exif::tests::block(6, true)[..]].concat();
    let mut turned = vec![0xff, 0xd8];
    segment(&mut turned, 0xe1, &exif);
    turned.extend(&bytes[2..]);
    let extent = |bytes: &[u8], exif| {
        let options = DecodeOptions { exif, ..DecodeOptions::default() };
        Decoder::new().decode_for(bytes, &options, &nearest((9, 9), false)).unwrap().extent
    };
    assert_eq!(extent(&turned, ExifOrientation::Ignore), Extent::Picked);
    assert_eq!(extent(&turned, ExifOrientation::Apply), Extent::Whole);
    assert_eq!(extent(&bytes, ExifOrientation::Apply), Extent::Picked);
    let table = 2 + 2 + 67;
    let stray = [&bytes[..table], &[7, 7], &bytes[table..]].concat();
    assert_eq!(extent(&stray, ExifOrientation::Apply), Extent::Whole);
}

#[test]
fn reduced_pictures_have_the_sizes_of_libjpeg() {
    let mut random = Random(5);
    let (mut raster, mut scratch) = (Raster::default(), Scratch::default());
    for _ in 0..200 {
        let kind = Kind::random(&mut random, 150);
        let bytes = encode(&kind, &mut random);
        for reduction in [2, 4, 8] {
            let target = (kind.size.0 / (2 * reduction), kind.size.1 / (2 * reduction));
            if target.0 == 0 || target.1 == 0 {
                continue;
            }
            let wanted =
                Wanted { target, interpolation: Interpolation::Lanczos, keep_aspect_ratio: false, scaled: true };
            let Extent::Reduced(reduction) = wanted.extent(kind.size) else { panic!("{kind:?} {target:?}") };
            decode(&bytes, |_| Some(wanted), &mut raster, &mut scratch).unwrap();
            assert_eq!(raster.extent, Extent::Reduced(reduction), "{kind:?} {target:?}");
            assert_eq!(raster.picture, (kind.size.1, kind.size.0));
            let size = (kind.size.0.div_ceil(reduction), kind.size.1.div_ceil(reduction));
            assert_eq!((raster.height, raster.width), size);
            assert_eq!(raster.bytes.len(), size.0 * size.1 * 3);
        }
    }
}

/// Light, edges and grain, 4:2:0 as cameras write it.
fn photo((height, width): (u32, u32)) -> Vec<u8> {
    let mut random = Random(6);
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        let light = (x as f32 / 170.0).sin() * 50.0 + (y as f32 / 90.0).cos() * 40.0;
        let edge = if (x / 37 + y / 53) % 3 == 0 { 60.0 } else { 0.0 };
        let line = if (x + 2 * y) % 31 < 2 { -50.0 } else { 0.0 };
        let grain = random.below(13) as f32;
        image::Rgb([100.0, 90.0, 70.0].map(|base| (base + light + edge + line + grain).clamp(0.0, 255.0) as u8))
    });
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 92).encode_image(&picture).unwrap();
    bytes
}

#[test]
fn reduced_photos_look_like_whole_ones() {
    let size = (901, 1203);
    let bytes = photo(size);
    let (mut partly, mut whole) = (Decoder::new(), Decoder::new());
    let options = DecodeOptions::default();
    let expected = whole.decode(&bytes, &options).unwrap();
    for interpolation in Interpolation::ALL.into_iter().filter(|&kind| kind != Interpolation::Nearest) {
        for (target, reduction) in [((224, 224), 2), ((112, 80), 4), ((50, 60), 8)] {
            for keep_aspect_ratio in [false, true] {
                let wanted = Wanted { target, interpolation, keep_aspect_ratio, scaled: true };
                let image = partly.decode_for(&bytes, &options, &wanted).unwrap();
                let exact = interpolation == Interpolation::Box;
                assert!(exact || image.extent == Extent::Reduced(reduction), "{wanted:?} {:?}", image.extent);
                let (found, expected) = (finished(image, &wanted), finished(expected, &wanted));
                let differences = found.iter().zip(&expected).map(|(a, b)| f64::from(a.abs_diff(*b)));
                let mean = differences.clone().sum::<f64>() / found.len() as f64;
                let square = differences.map(|difference| difference * difference).sum::<f64>() / found.len() as f64;
                let psnr = 10.0 * (255.0 * 255.0 / square).log10();
                assert!(mean < 1.0 && psnr > 40.0, "{wanted:?}: {mean} {psnr}");
            }
        }
    }
}
