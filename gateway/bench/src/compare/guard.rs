//! What has to be put right when this command ends, however it ends.
//!
//! A paused server must go on, and a server that was started here must stop, also after SIGKILL. So a shell waits beside
//! this process, in a process group of its own, reading from a pipe: the pipe ends with this process, and the shell acts.
//! When all went well it is told so, and does nothing.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::BenchError;

/// The shell that waits.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// Lets a process go on.
    pub(crate) fn resumes(pid: u32) -> Result<Self, BenchError> {
        Self::start(&format!("kill -CONT {pid}"), None)
    }

    /// Ends a process and removes its directory.
    pub(crate) fn ends(pid: u32, dir: &Path) -> Result<Self, BenchError> {
        let end = format!("kill -CONT {pid}; kill -TERM {pid}");
        let wait = format!("n=0; while kill -0 {pid} && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done");
        Self::start(&format!("{end}; {wait}; rm -rf -- \"$1\""), Some(dir))
    }

    /// Removes a directory.
    pub(crate) fn removes(dir: &Path) -> Result<Self, BenchError> {
        Self::start("rm -rf -- \"$1\"", Some(dir))
    }

    fn start(action: &str, dir: Option<&Path>) -> Result<Self, BenchError> {
        let script = format!("read -r word; if [ \"$word\" != done ]; then {action}; fi");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, "guard"]).args(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let shell =
            command.spawn().map_err(BenchError::system("cannot start /bin/sh, which stands guard"))?;
        Ok(Self { shell })
    }

    /// All is well: nothing needs to be put right.
    pub(crate) fn dismiss(mut self) {
        if let Some(pipe) = &mut self.shell.stdin {
            // If the shell is gone there is nobody to dismiss.
            let _gone = pipe.write_all(b"done\n");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // It ends by itself, with the pipe; waiting leaves no zombie.
        let _status = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::process::Signal;

    use super::*;
    use crate::compare::process::{is_running, signal};

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap()
    }

    fn state(pid: u32) -> char {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.trim_start().chars().next().unwrap()
    }

    fn until(condition: impl Fn() -> bool) {
        while !condition() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_paused_process_goes_on_when_the_guard_is_dropped() {
        let mut child = sleeper();
        let guard = Guard::resumes(child.id()).unwrap();
        signal(child.id(), Signal::STOP).unwrap();
        until(|| state(child.id()) == 'T');
        drop(guard);
        until(|| state(child.id()) != 'T');
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_paused_process_stays_paused_when_the_guard_is_dismissed() {
        let mut child = sleeper();
        let guard = Guard::resumes(child.id()).unwrap();
        signal(child.id(), Signal::STOP).unwrap();
        until(|| state(child.id()) == 'T');
        guard.dismiss();
        assert_eq!(state(child.id()), 'T');
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_goes_on_when_its_watcher_is_killed() {
        // The watcher holds the pipe as this command does, and has no chance to act.
        let mut child = sleeper();
        let guard = Guard::resumes(child.id()).unwrap();
        signal(child.id(), Signal::STOP).unwrap();
        until(|| state(child.id()) == 'T');
        let mut guard = std::mem::ManuallyDrop::new(guard);
        let pipe = guard.shell.stdin.take().unwrap();
        let mut watcher = Command::new("sleep").arg("60").stdout(pipe).spawn().unwrap();
        watcher.kill().unwrap();
        watcher.wait().unwrap();
        until(|| state(child.id()) != 'T');
        guard.shell.wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_started_process_ends_and_its_directory_goes() {
        let dir = std::env::temp_dir().join(format!("chronik-guard-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut child = sleeper();
        let pid = child.id();
        let guard = Guard::ends(pid, &dir).unwrap();
        // Somebody must collect the child, as init does when this process is gone.
        let collector = std::thread::spawn(move || child.wait().unwrap());
        drop(guard);
        assert!(!collector.join().unwrap().success());
        assert!(!is_running(pid));
        assert!(!dir.exists());
    }
}
