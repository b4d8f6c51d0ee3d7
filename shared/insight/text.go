package insight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/boot/operator"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Checked is what a text of rules or of a policy is, and what is wrong with it.
type Checked struct {
	Rules    *tagging.Rules    // of rules without faults
	Policy   *retention.Policy // of a policy without faults, whose tests hold
	Faults   []*rule.Fault
	Tests    []tagging.TestResult // of rules; a failing test of a policy is a fault at its place
	Warnings []string
}

// CheckText reads a text as the functions do and runs its tests. Fixtures are the files that
// tests of rules name; nil: there are none, and such a test is a warning. An empty region is
// not known.
func CheckText(of state.Texts, name string, text []byte, fixtures fs.FS, region string, now time.Time) (c Checked) {
	var err error
	if of == state.PolicyText {
		if c.Policy, err = retention.Parse(name, text); err == nil {
			mistake, stale := c.Policy.Prices.CheckAge(now)
			if mistake != "" {
				err = &rule.Fault{File: name, Line: 1, Column: 1, Message: mistake}
			}
			if where := c.Policy.Moves().CheckRegion(region); region != "" && where != nil {
				err = errors.Join(err, &rule.Fault{File: name, Line: 1, Column: 1, Message: where.Error()})
			}
			if c.Warnings = c.Policy.Warnings(); stale != "" {
				c.Warnings = append(c.Warnings, stale)
			}
		}
	} else if c.Rules, err = tagging.Parse(name, text); err == nil {
		for _, r := range c.Rules.Test(fixtures) {
			if fixtures == nil && len(r.Faults) == 1 && strings.HasPrefix(r.Faults[0], "fixture ") {
				c.Warnings = append(c.Warnings, fmt.Sprintf("test %q was not run: %s", r.Name, r.Faults[0]))
				continue
			}
			c.Tests = append(c.Tests, r)
		}
	}
	if err != nil {
		if c.Rules, c.Policy, c.Faults = nil, nil, rule.Faults(err); len(c.Faults) == 0 {
			c.Faults = []*rule.Fault{{File: name, Line: 1, Column: 1, Message: err.Error()}}
		}
	}
	return c
}

// Failed are the tests that did not pass.
func (c Checked) Failed() (failed []tagging.TestResult) {
	for _, t := range c.Tests {
		if len(t.Faults) > 0 {
			failed = append(failed, t)
		}
	}
	return failed
}

// Err is why the text cannot become current.
func (c Checked) Err() error {
	if n := len(c.Faults); n > 0 {
		return fmt.Errorf("%w: it has %s, the first: line %d: %s; mend it and save it again", video.ErrInvalid, report.Count(n, "mistake"), c.Faults[0].Line, c.Faults[0].Message)
	}
	if failed := c.Failed(); len(failed) > 0 {
		return fmt.Errorf("%w: %s of it fail, the first: %s: %s; mend the text or the test and save it again", video.ErrInvalid, report.Count(len(failed), "test"), failed[0].Name, failed[0].Faults[0])
	}
	return nil
}

// Current is the text that the functions work by, as this environment names it.
type Current struct {
	Variable string // RULES_FILE or POLICY_FILE
	Name     string // its value; empty: the built-in text
	// Key is where under STATE it lies; empty: nothing can be made current from here, and Why
	// says what to set.
	Key, Why string
	Text     []byte
	Err      error // it cannot be read
}

// CurrentText reads it.
func CurrentText(ctx context.Context, app *boot.App, of state.Texts) Current {
	c := Current{Variable: "RULES_FILE", Name: app.RulesFile, Text: tagging.DefaultFile()}
	if of == state.PolicyText {
		c = Current{Variable: "POLICY_FILE", Name: app.PolicyFile, Text: retention.DefaultSource()}
	}
	switch {
	case c.Name == "":
		c.Why = fmt.Sprintf("%s is not set, so the functions work by the built-in text: set %[1]s=%s.yaml for the functions and here, and a STATE", c.Variable, of)
		return c
	case app.State == nil:
		c.Why = fmt.Sprintf("there is no STATE for %s=%s to be a key under: set STATE", c.Variable, c.Name)
	case filepath.IsAbs(c.Name), strings.HasPrefix(c.Name, "."), isFile(c.Name):
		c.Why = fmt.Sprintf("%s=%s is a file of a machine: set %[1]s=%s.yaml, a key under STATE, for the functions and here", c.Variable, c.Name, of)
	default:
		c.Key = c.Name
	}
	if c.Text, c.Err = app.File(ctx, c.Name); c.Err != nil {
		c.Text = nil
	}
	return c
}

func isFile(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// Saved is one text of a series.
type Saved struct {
	Number  int       `json:"number"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Note    string    `json:"note,omitempty"`
	Bytes   int       `json:"bytes"`
	Current bool      `json:"current"` // the functions work by it
	// When it was made current last, and by whom; zero: never.
	Activated   time.Time `json:"activated,omitzero"`
	ActivatedBy string    `json:"activated_by,omitempty"`
}

// MostVersions is how many objects of a series are looked at.
const MostVersions = 200

// SavedTexts lists the texts that people saved, newest first, and warns of those that cannot
// be read.
func SavedTexts(ctx context.Context, app *boot.App, of state.Texts, o Options) ([]Saved, error) {
	if app.State == nil {
		return nil, errNoState
	}
	all, faults, err := state.Versions(ctx, app.State, of, MostVersions)
	if err != nil {
		return nil, err
	}
	for _, fault := range faults {
		o.warn("%s", fault)
	}
	current := CurrentText(ctx, app, of)
	saved := []Saved{}
	for _, v := range slices.Backward(all) {
		if v.Activated > 0 {
			continue
		}
		s := Saved{Number: v.Number, At: v.At, By: v.By, Note: v.Note, Bytes: len(v.Text)}
		s.Current = current.Key != "" && current.Err == nil && v.Hash == state.Digest(current.Text)
		for _, a := range all {
			if a.Activated == v.Number {
				s.Activated, s.ActivatedBy = a.At, a.By
			}
		}
		saved = append(saved, s)
	}
	return saved, nil
}

// SaveText saves a text under STATE. It changes nothing of what the functions do.
func SaveText(ctx context.Context, app *boot.App, of state.Texts, text []byte, note string, o Options) (state.Version, error) {
	if app.State == nil {
		return state.Version{}, errNoState
	}
	who, err := whose(ctx, app, o)
	if err != nil {
		return state.Version{}, err
	}
	at, err := app.Clock(ctx)
	if err != nil {
		return state.Version{}, err
	}
	return state.SaveVersion(ctx, app.State, of, state.Version{At: at, By: who, Note: note, Text: string(text)})
}

// Activate makes a saved text current: it replaces the object that RULES_FILE or POLICY_FILE
// names under STATE. The text that was there stays as a version; one that nobody saved, since
// it came there otherwise, is saved first. A text with mistakes or with tests that fail is
// refused. A call that broke off is repeated.
func Activate(ctx context.Context, app *boot.App, of state.Texts, number int, fixtures fs.FS, o Options) (key string, err error) {
	current := CurrentText(ctx, app, of)
	if current.Key == "" {
		return "", fmt.Errorf("%w: nothing was changed: %s", video.ErrInvalid, current.Why)
	}
	if current.Err != nil && !errors.Is(current.Err, video.ErrNotFound) {
		return "", current.Err
	}
	v, err := state.ReadVersion(ctx, app.State, of, number)
	if err == nil && v.Activated > 0 {
		err = fmt.Errorf("%w: version %d is no text: it says that version %d became current", video.ErrNotFound, number, v.Activated)
	}
	if err != nil {
		return "", err
	}
	who, err := whose(ctx, app, o)
	if err != nil {
		return "", err
	}
	at, err := app.Clock(ctx)
	if err != nil {
		return "", err
	}
	c := CheckText(of, fmt.Sprintf("version %d", number), []byte(v.Text), fixtures, app.Scope.Region, at)
	if err := c.Err(); err != nil {
		return "", fmt.Errorf("version %d was not made current: %w", number, err)
	}
	if err := keepFound(ctx, app, of, current, at); err != nil {
		return "", err
	}
	if _, err := state.SaveVersion(ctx, app.State, of, state.Version{At: at, By: who, Activated: number}); err != nil {
		return "", err
	}
	store, err := app.State.Open(ctx)
	if err != nil {
		return "", err
	}
	return current.Key, state.Replace(ctx, store, current.Key, []byte(v.Text))
}

// keepFound saves the current text where no version has it.
func keepFound(ctx context.Context, app *boot.App, of state.Texts, current Current, at time.Time) error {
	if current.Err != nil { // there is none yet
		return nil //nolint:nilerr // and so none to keep
	}
	all, _, err := state.Versions(ctx, app.State, of, MostVersions)
	if err != nil || slices.ContainsFunc(all, func(v state.Version) bool { return v.Hash == state.Digest(current.Text) }) {
		return err
	}
	_, err = state.SaveVersion(ctx, app.State, of, state.Version{At: at, By: "unknown", Note: current.Key + " as it was found", Text: string(current.Text)})
	return err
}

// whose is who a text is recorded for.
func whose(ctx context.Context, app *boot.App, o Options) (string, error) {
	who, err := operator.Of(ctx, app, false)
	if who.Doubt != nil {
		o.warn("%v", who.Doubt)
	}
	return who.Name, err
}
