// Package insight gathers what a person who runs vodcurator asks for: what runs and what waits,
// where each plan stands, the life of an asset, the library line by line and what is wrong with
// it, what a policy would do, and the dead letters. vodctl prints the values and the console shows
// them; their JSON is what vodctl -o json writes, so that both have the same numbers.
//
// It changes nothing in the library, in the queues and under STATE (dead letters are read by
// taking them, and are given back), but for SaveText and Activate, which write texts of rules and
// policies under STATE. It prints nothing, and reads no environment. What cannot be read
// is said in the value, in its place, and is never shown as zero.
package insight

import (
	"errors"
	"os"
	"strings"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/report"
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

var errNoState = errors.New("STATE is not set, and what is asked for lies there")

// Options are what a caller hears while something is gathered. The zero value hears nothing.
type Options struct {
	// Progress begins to count something, such as " plans": what takes each count, and what
	// is called at the end.
	Progress func(of string) (count func(int), end func())
	// Warn takes what a person should know beside the result. The arguments may hold texts from
	// outside: show them as report.Sayf does.
	Warn func(format string, args ...any)
	// When words a moment inside a text; nil: in UTC.
	When func(time.Time) string
}

func (o Options) when(at time.Time) string {
	if o.When == nil {
		return at.UTC().Format(report.Moment)
	}
	return o.When(at)
}

func (o Options) warn(format string, args ...any) {
	if o.Warn != nil {
		o.Warn(format, args...)
	}
}

func (o Options) count(of string) (count func(int), end func()) {
	if o.Progress == nil {
		return func(int) {}, func() {}
	}
	return o.Progress(of)
}
