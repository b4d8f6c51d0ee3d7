package boot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

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
