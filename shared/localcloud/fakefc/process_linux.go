package fakefc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// separate puts the process into a group of its own, so that Ctrl-C on the
// terminal leaves its end to us, and ties its life to ours.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func end(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Process.Kill()
}

// freeze stops a process without ending it; thaw lets it go on.
func freeze(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGSTOP) }

func thaw(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT) }

// memoryOf is how many bytes of real memory a process has used at most; 0: not known, as
// after its end. Address space is no measure: a Go program reserves far more than it uses.
func memoryOf(pid int) int64 {
	if used := statusOf(pid, "VmHWM:"); used > 0 {
		return used
	}
	return statusOf(pid, "VmRSS:")
}

// statusOf reads one figure, in kB, of a process.
func statusOf(pid int, name string) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if fields := bytes.Fields(rest); ok && len(fields) == 2 {
			kb, _ := strconv.ParseInt(string(fields[0]), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// memoryOfGroup adds up what the processes of a group use now; 0 for one without children.
func memoryOfGroup(group int) (sum int64) {
	dir, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer dir.Close() //nolint:errcheck // it was only read
	names, _ := dir.Readdirnames(-1)
	count := 0
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid < group { // children are younger; a counter that went round is rare
			continue
		}
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			count++
			sum += statusOf(pid, "VmRSS:")
		}
	}
	if count < 2 {
		return 0
	}
	return sum
}
