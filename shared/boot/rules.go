package boot

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"vodcurator/shared/decide/tagging"
)

// Rules gives a reader of RULES_FILE, or of the built-in rules when none is named. It
// reads the file for each batch, so that new rules need no deployment and no two
// instances work by different ones for long; one that says the same is not parsed again.
// A file with mistakes is refused each time, with all of them.
func (a *App) Rules() func(context.Context) (*tagging.Rules, error) {
	if a.RulesFile == "" {
		def := sync.OnceValue(tagging.Default) // a start need not wait for them
		return func(context.Context) (*tagging.Rules, error) { return def(), nil }
	}
	var mu sync.Mutex
	var text []byte
	var rules *tagging.Rules
	return func(ctx context.Context) (*tagging.Rules, error) {
		now, err := a.File(ctx, a.RulesFile)
		if err != nil {
			return nil, fmt.Errorf("RULES_FILE: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if rules != nil && bytes.Equal(now, text) {
			return rules, nil
		}
		parsed, err := tagging.Parse(a.RulesFile, now)
		if err != nil {
			return nil, err
		}
		text, rules = now, parsed
		return rules, nil
	}
}

// Reach is how far TAGGING_MODE lets rules go.
func (c Config) Reach() tagging.Reach {
	if c.TaggingMode == "add" {
		return tagging.OnlyAdd
	}
	return tagging.Whole
}
