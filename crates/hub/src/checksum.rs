//! MD5 and SHA-256 sums, told apart by their length as Keras does.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::HubError;

/// How a [`Checksum`] is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// 128 bits, 32 hexadecimal digits.
    Md5,
    /// 256 bits, 64 hexadecimal digits.
    Sha256,
}

/// A file's checksum: algorithm and lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    hex: String,
}

impl Checksum {
    /// Reads `path` to its end and sums it, telling `read` how many bytes each read brought.
    ///
    /// # Errors
    ///
    /// What opening or reading the file answers.
    pub fn of_file(algorithm: Algorithm, path: &Path, mut read: impl FnMut(u64)) -> io::Result<Checksum> {
        let mut file = File::open(path)?;
        let hex = match algorithm {
            Algorithm::Md5 => sum::<Md5>(&mut file, &mut read)?,
            Algorithm::Sha256 => sum::<Sha256>(&mut file, &mut read)?,
        };
        Ok(Checksum { algorithm, hex })
    }

    /// MD5 or SHA-256.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha256 => "sha256",
        })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.hex)
    }
}

impl FromStr for Checksum {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let algorithm = match text.len() {
            32 => Algorithm::Md5,
            64 => Algorithm::Sha256,
            _ => {
                return Err(HubError::BadChecksum { text: text.to_owned() });
            }
        };
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(HubError::BadChecksum { text: text.to_owned() });
        }
        Ok(Checksum { algorithm, hex: text.to_ascii_lowercase() })
    }
}

fn sum<D: Digest>(file: &mut File, read: &mut impl FnMut(u64)) -> io::Result<String> {
    let mut digest = D::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&buffer[..count]);
        read(count as u64);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 1321, appendix A.5, and FIPS 180-4's example for "abc".
    const ABC: [(&str, Algorithm); 2] = [
        ("900150983cd24fb0d6963f7d28e17f72", Algorithm::Md5),
        ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Algorithm::Sha256),
    ];

    #[test]
    fn sums_are_those_of_the_standards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        for (hex, algorithm) in ABC {
            let mut bytes = 0;
            let sum = Checksum::of_file(algorithm, &path, |count| bytes += count).unwrap();
            assert_eq!(sum.hex(), hex);
            assert_eq!(bytes, 3);
        }
    }

    #[test]
    fn length_tells_the_algorithm() {
        for (hex, algorithm) in ABC {
            assert_eq!(hex.parse::<Checksum>().unwrap().algorithm(), algorithm);
            let upper: Checksum = hex.to_uppercase().parse().unwrap();
            assert_eq!(upper.hex(), hex);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "abc", "g00150983cd24fb0d6963f7d28e17f72", "é"] {
            assert!(text.parse::<Checksum>().is_err(), "{text:?}");
        }
    }
}
