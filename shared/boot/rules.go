package boot

import (
	"context"
	"fmt"
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
