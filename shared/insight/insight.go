// Package insight gathers what a person who runs vodcurator asks for: what runs and what waits,
// and where each plan stands. vodctl prints the values and the console shows them; their JSON is
// what vodctl -o json writes, so that both have the same numbers.
//
// It writes nothing to the library, to the queues or under STATE, prints nothing and asks no
// environment. What cannot be read is said in the value, in its place, and is never shown as zero.
package insight

import (
	"errors"
	"os"
	"strings"

	"vodcurator/shared/boot"
)

// Absent says that STATE is a folder that is not there. Opening it would make it.
func Absent(app *boot.App) bool {
	dir, ok := strings.CutPrefix(app.Config.State, "file:")
	if !ok {
		return false
	}
	_, err := os.Stat(strings.TrimPrefix(dir, "//"))
	return errors.Is(err, os.ErrNotExist)
}
