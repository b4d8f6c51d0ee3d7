//go:build !linux

package fakefc

import "os/exec"

// separate does nothing where processes cannot be tied to ours: a killed local
// cloud leaves them to find their runtime API gone.
func separate(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
