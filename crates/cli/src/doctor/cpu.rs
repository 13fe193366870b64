//! The processor: how many cores a training may use, and which vectors they have.

use std::collections::HashSet;
use std::fs;
use std::thread;

use serde_json::json;

use super::report::Report;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    model: String,
    /// Of the machine.
    cores: usize,
    /// Those that the process may run on.
    allowed: usize,
    /// What the process gets, by the limits of its container too.
    available: usize,
    flags: HashSet<String>,
}

/// What matters here, and the kernel's names of what it needs.
const VECTORS: [(&str, &[&str]); 5] = [
    ("AVX2", &["avx2", "fma"]),
    ("AVX-512", &AVX512),
    ("AVX-512 VNNI", &["avx512_vnni"]),
    ("BF16", &["avx512_bf16"]),
    ("AMX", &["amx_tile", "amx_bf16"]),
];
const AVX512: [&str; 5] = ["avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"];

impl Cpu {
    pub(super) fn of_this_machine() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let available = thread::available_parallelism().map_or(1, usize::from);
        Self::read(&text("/proc/cpuinfo"), &text("/proc/self/status"), available)
    }

    fn read(cpuinfo: &str, status: &str, available: usize) -> Self {
        let value = |key: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim())
        };
        let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count().max(available);
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).and_then(listed);
        Self {
            model: value("model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            cores,
            allowed: allowed.unwrap_or(cores).max(available),
            available,
            flags: value("flags").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn has(&self, flags: &[&str]) -> bool {
        flags.iter().all(|flag| self.flags.contains(*flag))
    }

    fn vectors(&self) -> Vec<&'static str> {
        VECTORS.iter().filter(|(_, flags)| self.has(flags)).map(|(name, _)| *name).collect()
    }

    /// Which of its kernels libtorch takes: the best that the processor has (`compute_cpu_capability` of ATen), unless
    /// `ATEN_CPU_CAPABILITY` says otherwise.
    pub(super) fn libtorch_kernels(&self, asked: Option<&str>) -> &'static str {
        match asked {
            Some("avx512") => "AVX-512",
            Some("avx2") => "AVX2",
            Some("default") => "plain",
            _ if self.has(&AVX512) => "AVX-512",
            _ if self.has(&["avx2", "fma"]) => "AVX2",
            _ => "plain",
        }
    }

    pub(super) fn tell(&self, libtorch_threads: usize, report: &mut Report) {
        let vectors = self.vectors();
        let vectors_text = if vectors.is_empty() { "no AVX2".to_owned() } else { vectors.join(", ") };
        report.fact(
            "cpu",
            json!({
                "model": self.model,
                "cores": self.cores,
                "allowed": self.allowed,
                "available": self.available,
                "vectors": vectors,
                "loader_threads": self.available,
                "libtorch_threads": libtorch_threads,
            }),
        );
        let limit = match (self.available < self.allowed, self.allowed < self.cores) {
            (true, _) => ", by the limit of the container",
            (false, true) => ", by the affinity of the process",
            (false, false) => "",
        };
        let of = format!("{} of {} cores may be used{limit}", self.available, self.cores);
        let text = format!("{}; {of}; {vectors_text}", self.model);
        if self.has(&["avx2", "fma"]) || !cfg!(target_arch = "x86_64") {
            report.good("processor", text);
        } else {
            report.note("processor", text, "decoding and the network are several times slower than with AVX2");
        }
        let text =
            format!("{} load photos, {libtorch_threads} compute the network; --threads sets both", self.available);
        if libtorch_threads > self.available {
            let advice =
                format!("more than the {} cores that are granted: pass --threads {}", self.available, self.available);
            report.note("threads", text, advice);
        } else {
            report.good("threads", text);
        }
    }
}

/// How many numbers are in a list such as `0-3,8`.
fn listed(list: &str) -> Option<usize> {
    list.trim().split(',').try_fold(0, |count, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(count + last.checked_sub(first)? + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fma avx2 avx512f avx512bw avx512dq avx512vl \
        avx512_bf16\n\nprocessor\t: 1\nmodel name\t: Some CPU\n";

    #[test]
    fn the_kernels_account_is_read() {
        let cpu = Cpu::read(CPUINFO, "Name:\tx\nCpus_allowed_list:\t0-1\n", 1);
        assert_eq!((cpu.model.as_str(), cpu.cores, cpu.allowed, cpu.available), ("Some CPU", 2, 2, 1));
        assert_eq!(cpu.vectors(), ["AVX2", "AVX-512", "BF16"]);
        assert_eq!(cpu.libtorch_kernels(None), "AVX-512");
        assert_eq!(cpu.libtorch_kernels(Some("avx2")), "AVX2");
        let nothing = Cpu::read("", "", 3);
        assert_eq!((nothing.cores, nothing.allowed, nothing.libtorch_kernels(None)), (3, 3, "plain"));
    }

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!(listed("\t0-3,8,10-11\n"), Some(7));
        for bad in ["", "x", "3-1", "1-"] {
            assert_eq!(listed(bad), None, "{bad}");
        }
    }

    #[test]
    fn more_threads_than_cores_are_told() {
        let mut report = Report::default();
        Cpu::read(CPUINFO, "", 1).tell(2, &mut report);
        let document = report.document();
        assert_eq!(document["findings"][1]["standing"], "note");
        assert!(document["findings"][1]["advice"].as_str().unwrap().contains("--threads 1"), "{document}");
        assert!(document["findings"][0]["text"].as_str().unwrap().contains("1 of 2 cores"), "{document}");
    }
}
