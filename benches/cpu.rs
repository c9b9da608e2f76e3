//! CPU time as the kernel counts it, in microseconds.

use std::fs;

/// Clock ticks a second in /proc: 100 on every Linux that user space sees.
const TICKS_PER_SECOND: u64 = 100;

/// Fields of /proc/PID/stat after the name, which may hold spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn ticks(fields: &[String], places: &[usize]) -> u64 {
    places.iter().filter_map(|place| fields.get(*place)?.parse::<u64>().ok()).sum()
}

/// What this process has used: user and system.
pub fn own_us() -> u64 {
    process_us(std::process::id())
}

/// What a process has used: user and system.
pub fn process_us(pid: u32) -> u64 {
    stat(pid).map_or(0, |fields| ticks(&fields, &[11, 12])) * 1_000_000 / TICKS_PER_SECOND
}

/// What this process's children used that have ended.
pub fn children_us() -> u64 {
    stat(std::process::id()).map_or(0, |fields| ticks(&fields, &[13, 14])) * 1_000_000 / TICKS_PER_SECOND
}

/// What a postmaster and all its processes have used, those that ended included.
pub fn server_us(postmaster: u32) -> u64 {
    let Some(fields) = stat(postmaster) else { return 0 };
    let mut sum = ticks(&fields, &[11, 12, 13, 14]);
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    for pid in processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(fields) = stat(pid)
            && fields.get(1).is_some_and(|parent| parent == &postmaster.to_string())
        {
            sum += ticks(&fields, &[11, 12]);
        }
    }
    sum * 1_000_000 / TICKS_PER_SECOND
}

/// The machine in one line.
pub fn machine() -> String {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split_once(':').map(|(_, name)| name.trim().to_owned())
    });
    let memory = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| text.lines().next()?.split_whitespace().nth(1)?.parse::<u64>().ok());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{cores} cores of {}, {} GiB",
        model.unwrap_or_else(|| "an unknown processor".to_owned()),
        memory.unwrap_or(0) / 1024 / 1024
    )
}
