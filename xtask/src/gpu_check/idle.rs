//! How much of the time the GPU has nothing to do, by `nvidia-smi`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// Samples while it lives.
#[derive(Debug)]
pub(super) struct Watch {
    process: Child,
    samples: Receiver<f64>,
}

impl Watch {
    /// Starts sampling five times a second; `None` where the program does not start.
    pub(super) fn start(nvidia_smi: &Path, device: &str) -> Option<Self> {
        let number = device.strip_prefix("cuda:").unwrap_or("0");
        let mut process = Command::new(nvidia_smi)
            .args(["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200", "-i", number])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let stdout = process.stdout.take()?;
        let (sender, samples) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(busy) = line.trim().parse()
                    && sender.send(busy).is_err()
                {
                    break;
                }
            }
        });
        Some(Self { process, samples })
    }

    /// Ends sampling: the share of time without work, 0 to 1, between the first and the last work seen.
    pub(super) fn idle(mut self) -> Option<f64> {
        let _ = self.process.kill();
        let _ = self.process.wait();
        idle(&self.samples.iter().collect::<Vec<_>>())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Of percentages of time at work. Start-up and the end are not the pipeline's.
fn idle(busy: &[f64]) -> Option<f64> {
    let first = busy.iter().position(|&percent| percent > 0.0)?;
    let last = busy.iter().rposition(|&percent| percent > 0.0)?;
    let working = &busy[first..=last];
    let mean = working.iter().sum::<f64>() / working.len() as f64;
    Some((1.0 - mean / 100.0).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_before_and_after_the_work_does_not_count() {
        assert_eq!(idle(&[0.0, 0.0, 100.0, 50.0, 0.0, 50.0, 0.0]), Some(0.5));
        assert_eq!(idle(&[100.0]), Some(0.0));
        assert_eq!(idle(&[0.0, 0.0]), None);
        assert_eq!(idle(&[]), None);
    }

    #[test]
    fn no_program_is_no_figure() {
        assert!(Watch::start(Path::new("no-such-nvidia-smi"), "cuda").is_none());
    }
}
