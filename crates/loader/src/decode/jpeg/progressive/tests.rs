//! Files of random coefficients, as scans that refine each other and as one.

use super::super::Scratch;
use super::super::strict::tests::{Random, pixels, strictly, wanted};

/// Symbols of coefficients after the first, of which the later ones have codes longer than a look-up.
const SHORT: usize = 100;

struct Channel {
    sampling: (usize, usize),
    blocks: Vec<[i32; 64]>,
}

struct File {
    size: (usize, usize),
    restart_interval: usize,
    channels: Vec<Channel>,
}

impl File {
    fn random(random: &mut Random) -> Self {
        const SAMPLINGS: [&[(usize, usize)]; 3] = [&[(1, 1)], &[(1, 1); 3], &[(2, 2), (1, 1), (1, 1)]];
        let size = (1 + random.below(60) as usize, 1 + random.below(60) as usize);
        let mut file = Self { size, restart_interval: (random.below(3) * random.below(6)) as usize, channels: vec![] };
        let sampling = SAMPLINGS[random.below(3) as usize];
        let units = units(size, sampling[0]);
        for &sampling in sampling {
            let count = units.0 * sampling.0 * units.1 * sampling.1;
            let blocks = (0..count).map(|_| block(random)).collect();
            file.channels.push(Channel { sampling, blocks });
        }
        file
    }

    /// Of interleaved scans, or of one channel's alone.
    fn places(&self, members: &[usize]) -> Vec<Vec<(usize, usize)>> {
        let most = self.channels[0].sampling;
        let units = units(self.size, most);
        let across = |member: usize| units.0 * self.channels[member].sampling.0;
        if let [member] = *members {
            let (h, v) = self.channels[member].sampling;
            let own =
                [(self.size.1, h, most.0), (self.size.0, v, most.1)].map(|(n, own, most)| (n * own).div_ceil(most * 8));
            return (0..own[0] * own[1]).map(|at| vec![(member, at / own[0] * across(member) + at % own[0])]).collect();
        }
        (0..units.0 * units.1)
            .map(|unit| {
                let mut places = vec![];
                for &member in members {
                    let (h, v) = self.channels[member].sampling;
                    for part in 0..h * v {
                        let (x, y) = (unit % units.0 * h + part % h, unit / units.0 * v + part / h);
                        places.push((member, y * across(member) + x));
                    }
                }
                places
            })
            .collect()
    }
}

fn units((height, width): (usize, usize), most: (usize, usize)) -> (usize, usize) {
    (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1))
}

/// Few coefficients or many, large or small.
fn block(random: &mut Random) -> [i32; 64] {
    let mut block = [0; 64];
    block[0] = random.below(200) as i32 - 100;
    for _ in 0..[0, 0, 2, 30, 300][random.below(5) as usize] {
        let bits = 1 + random.below(6);
        block[1 + random.below(63) as usize] = random.below(2 << bits) as i32 - (1 << bits);
    }
    block
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    bits: u64,
    count: u32,
    /// Blocks in a run without new coefficients, and the bits that refine them.
    run: u32,
    refined: Vec<bool>,
    predictions: [i32; 4],
}

impl Writer {
    fn put(&mut self, bits: u32, count: u32) {
        for place in (0..count).rev() {
            self.bits = self.bits << 1 | u64::from(bits >> place & 1);
            self.count += 1;
            if self.count == 8 {
                self.out.push(self.bits as u8);
                if self.bits as u8 == 0xff {
                    self.out.push(0);
                }
                (self.bits, self.count) = (0, 0);
            }
        }
    }

    fn put_all(&mut self, bits: &mut Vec<bool>) {
        bits.drain(..).for_each(|bit| self.put(bit.into(), 1));
    }

    fn flush(&mut self) {
        self.end_run();
        while self.count > 0 {
            self.put(1, 1);
        }
        self.predictions = [0; 4];
    }

    fn segment(&mut self, marker: u8, body: &[u8]) {
        self.out.extend([0xff, marker]);
        self.out.extend(((body.len() + 2) as u16).to_be_bytes());
        self.out.extend(body);
    }

    fn value(&mut self, value: i32) {
        let size = size(value);
        self.put((if value < 0 { value - 1 } else { value }) as u32, size);
    }

    fn symbol(&mut self, run: u32, size: u32) {
        match (run * 11 + size) as usize {
            at @ ..SHORT => self.put(at as u32, 8),
            at => self.put(((SHORT as u32) << 4) + (at - SHORT) as u32, 12),
        }
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            let bits = self.run.ilog2();
            self.symbol(bits, 0);
            self.put(self.run, bits);
            let mut refined = std::mem::take(&mut self.refined);
            self.put_all(&mut refined);
        }
        self.run = 0;
    }

    fn dc(&mut self, member: usize, value: i32) {
        let difference = value - self.predictions[member];
        self.predictions[member] = value;
        self.put(size(difference), 4);
        self.value(difference);
    }

    /// T.81 figure G.3, and F.2 where ends are not gathered.
    fn first_ac(&mut self, block: &[i32; 64], band: (usize, usize), low: u32, gather: bool) {
        let mut run = 0;
        for &value in &block[band.0..=band.1] {
            let value = value.signum() * (value.abs() >> low);
            if value == 0 {
                run += 1;
                continue;
            }
            self.end_run();
            while run > 15 {
                self.symbol(15, 0);
                run -= 16;
            }
            self.symbol(run, size(value));
            self.value(value);
            run = 0;
        }
        if run > 0 {
            self.run += 1;
            if !gather || self.run == 0x7fff {
                self.end_run();
            }
        }
    }

    /// T.81 figure G.7.
    fn refine_ac(&mut self, block: &[i32; 64], band: (usize, usize), low: u32) {
        let amounts = block.map(|value| value.abs() >> low);
        let last_new = (band.0..=band.1).rev().find(|&at| amounts[at] == 1).unwrap_or(0);
        let mut run = 0;
        let mut refined = vec![];
        for at in band.0..=band.1 {
            if amounts[at] == 0 {
                run += 1;
                continue;
            }
            while run > 15 && at <= last_new {
                self.end_run();
                self.symbol(15, 0);
                self.put_all(&mut refined);
                run -= 16;
            }
            if amounts[at] > 1 {
                refined.push(amounts[at] & 1 == 1);
                continue;
            }
            self.end_run();
            self.symbol(run, 1);
            self.put((block[at] > 0).into(), 1);
            self.put_all(&mut refined);
            run = 0;
        }
        if run > 0 || !refined.is_empty() {
            self.run += 1;
            self.refined.append(&mut refined);
            if self.run == 0x7fff || self.refined.len() > 900 {
                self.end_run();
            }
        }
    }
}

/// The bits of an amount.
fn size(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// The segments before the first scan.
fn begun(file: &File, is_progressive: bool) -> Writer {
    let mut writer = Writer { out: vec![0xff, 0xd8], ..Writer::default() };
    writer.segment(0xdb, &[&[0][..], &[3; 64]].concat());
    let mut frame = vec![8];
    frame.extend((file.size.0 as u16).to_be_bytes());
    frame.extend((file.size.1 as u16).to_be_bytes());
    frame.push(file.channels.len() as u8);
    for (id, Channel { sampling: (h, v), .. }) in file.channels.iter().enumerate() {
        frame.extend([id as u8, (h << 4 | v) as u8, 0]);
    }
    writer.segment(if is_progressive { 0xc2 } else { 0xc0 }, &frame);
    let mut counts = [0; 16];
    counts[3] = 12;
    writer.segment(0xc4, &[&[0x00][..], &counts, &(0..12).collect::<Vec<_>>()].concat());
    let symbols: Vec<u8> = (0..16 * 11).map(|at| ((at / 11) << 4) | (at % 11)).collect();
    (counts[3], counts[7], counts[11]) = (0, SHORT as u8, (symbols.len() - SHORT) as u8);
    writer.segment(0xc4, &[&[0x10][..], &counts, &symbols].concat());
    writer.segment(0xdd, &(file.restart_interval as u16).to_be_bytes());
    writer
}

fn scan(
    writer: &mut Writer,
    file: &File,
    members: &[usize],
    parameters: [u8; 3],
    mut write: impl FnMut(&mut Writer, usize, &[i32; 64]),
) {
    let mut header = vec![members.len() as u8];
    members.iter().for_each(|&member| header.extend([member as u8, 0]));
    header.extend(parameters);
    writer.segment(0xda, &header);
    for (number, unit) in file.places(members).into_iter().enumerate() {
        if file.restart_interval > 0 && number > 0 && number.is_multiple_of(file.restart_interval) {
            writer.flush();
            writer.out.extend([0xff, 0xd0 + ((number / file.restart_interval - 1) % 8) as u8]);
        }
        for (member, block) in unit {
            write(writer, member, &file.channels[member].blocks[block]);
        }
    }
    writer.flush();
}

fn sequential(file: &File) -> Vec<u8> {
    let mut writer = begun(file, false);
    let all: Vec<usize> = (0..file.channels.len()).collect();
    scan(&mut writer, file, &all, [0, 63, 0], |writer, member, block| {
        writer.dc(member, block[0]);
        writer.first_ac(block, (1, 63), 0, false);
    });
    writer.out.extend([0xff, 0xd9]);
    writer.out
}

fn progressive(file: &File, random: &mut Random) -> Vec<u8> {
    let mut writer = begun(file, true);
    let all: Vec<usize> = (0..file.channels.len()).collect();
    let dc_low = random.below(3) as u32;
    scan(&mut writer, file, &all, [0, 0, dc_low as u8], |writer, member, block| {
        writer.dc(member, block[0] >> dc_low);
    });
    for low in (0..dc_low).rev() {
        scan(&mut writer, file, &all, [0, 0, ((low + 1) << 4 | low) as u8], |writer, _, block| {
            writer.put((block[0] >> low) as u32 & 1, 1);
        });
    }
    for member in all {
        let middle = random.below(63) as u8;
        for (first, last) in [(1, middle), (middle + 1, 63)] {
            if first > last {
                continue;
            }
            let most = random.below(4) as u32;
            let band = (first.into(), last.into());
            scan(&mut writer, file, &[member], [first, last, most as u8], |writer, _, block| {
                writer.first_ac(block, band, most, true);
            });
            for low in (0..most).rev() {
                scan(&mut writer, file, &[member], [first, last, ((low + 1) << 4 | low) as u8], |writer, _, block| {
                    writer.refine_ac(block, band, low);
                });
            }
        }
    }
    writer.out.extend([0xff, 0xd9]);
    writer.out
}

#[test]
fn scans_that_refine_each_other_are_as_one() {
    let mut random = Random(9);
    let mut scratch = Scratch::default();
    for number in 0..300 {
        let file = File::random(&mut random);
        let expected = strictly(&sequential(&file), None, &mut scratch);
        assert!(expected.is_some());
        let bytes = progressive(&file, &mut random);
        let wanted = wanted(&mut random);
        assert!(strictly(&bytes, None, &mut scratch) == expected, "{number}");
        for wanted in [None, Some(&wanted)] {
            let simple = pixels(&bytes, true, wanted, &mut scratch);
            assert!(simple.is_some() && strictly(&bytes, wanted, &mut scratch) == simple, "{number} {wanted:?}");
        }
    }
}

// What is not refused is what the other would have made of it.
#[test]
fn damage_is_refused_or_of_no_account() {
    let mut random = Random(10);
    let mut scratch = Scratch::default();
    let mut refused = 0;
    for number in 0..1_000 {
        let file = File::random(&mut random);
        let mut bytes = progressive(&file, &mut random);
        let header = 2 + bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let at = header + random.below((bytes.len() - header) as u64) as usize;
        bytes[at] = random.below(256) as u8;
        match strictly(&bytes, None, &mut scratch) {
            Some(strict) => assert!(Some(strict) == pixels(&bytes, true, None, &mut scratch), "{number}"),
            None => refused += 1,
        }
    }
    assert!((500..980).contains(&refused), "{refused}");
}
