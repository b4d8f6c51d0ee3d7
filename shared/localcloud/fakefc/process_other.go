//go:build !linux

package fakefc

import "os/exec"

// separate does nothing where processes cannot be tied to ours: a killed local
// cloud leaves them to find their runtime API gone.
func separate(*exec.Cmd) {}

func end(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// freeze and thaw do nothing here: idle instances go on running.
func freeze(*exec.Cmd) {}

func thaw(*exec.Cmd) {}

// memoryOf and memoryOfGroup do not know here.
func memoryOf(int) int64      { return 0 }
func memoryOfGroup(int) int64 { return 0 }
