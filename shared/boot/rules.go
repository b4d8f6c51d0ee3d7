package boot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"sync"

	"vodcurator/shared/decide/tagging"
)

// Rules gives a reader of RULES_FILE, or of the built-in rules when none is named. It
// asks for each batch whether the file is another, in one request, so that new rules need
// no deployment and no two instances work by different ones for long. One that is the same
// is neither sent nor parsed again. A file with mistakes is refused each time, with all of them.
func (a *App) Rules() func(context.Context) (*tagging.Rules, error) {
	if a.RulesFile == "" {
		def := sync.OnceValue(tagging.Default) // a start need not wait for them
		return func(context.Context) (*tagging.Rules, error) { return def(), nil }
	}
	var mu sync.Mutex
	var last parsed
	return func(ctx context.Context) (*tagging.Rules, error) {
		mu.Lock()
		have := last
		mu.Unlock()
		text, version, err := a.newer(ctx, a.RulesFile, have.version)
		if err != nil {
			return nil, fmt.Errorf("RULES_FILE: %w", err)
		}
		if text != nil {
			have = parsed{version: version}
			have.rules, have.err = tagging.Parse(a.RulesFile, text)
			mu.Lock()
			last = have
			mu.Unlock()
		}
		return have.rules, have.err
	}
}

// parsed is what became of one version of a rules file.
type parsed struct {
	version string
	rules   *tagging.Rules
	err     error
}

// Reach is how far TAGGING_MODE lets rules go.
func (c Config) Reach() tagging.Reach {
	if c.TaggingMode == "add" {
		return tagging.OnlyAdd
	}
	return tagging.Whole
}

// File reads what RULES_FILE or POLICY_FILE points to: a file on this machine,
// else a key under STATE. No name gives nil, which stands for the embedded one.
func (a *App) File(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	text, _, err := a.newer(ctx, name, "")
	return text, err
}

// newer is File for who has a version of it already; nil: it is still the one.
func (a *App) newer(ctx context.Context, name, have string) (text []byte, version string, err error) {
	if text, err = os.ReadFile(name); err == nil {
		sum := sha256.Sum256(text)
		if version = hex.EncodeToString(sum[:]); version == have {
			text = nil
		}
		return text, version, nil
	}
	if a.State == nil {
		return nil, "", fmt.Errorf("%s is no readable file, and there is no STATE to look in", name)
	}
	return a.State.ReadNewer(ctx, name, have)
}
