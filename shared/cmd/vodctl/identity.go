package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

// remark is what people say of an act in their own words. None of it is believed: the
// record names whose credentials the command ran with.
type remark struct{ by, note string }

// flags adds --by, and the other text under its name.
func (r *remark) flags(cmd *cobra.Command, name, usage string) {
	cmd.Flags().StringVar(&r.by, "by", "", "a note on who asks; the record names the credentials' own identity")
	cmd.Flags().StringVar(&r.note, name, "", usage)
}

// text is the remark as it stands beside the identity.
func (r remark) text() string {
	switch by := strings.TrimSpace(r.by); {
	case by == "":
		return r.note
	case r.note == "":
		return "said to be by " + by
	default:
		return "said to be by " + by + ": " + r.note
	}
}

// identityTime is how long STS has to answer: whoever halts is in a hurry.
const identityTime = 5 * time.Second

// identity is who a command is recorded for: the ARN that STS tells of the credentials,
// and the scope of the environment, with their account where that names none. Where nobody can tell, for want of credentials or because STATE is a
// folder of this machine, it is "local:" and the user of this machine. A command that only
// stops removal is not refused because STS does not answer.
func (a *tool) identity(ctx context.Context, app *boot.App, stops bool) (who string, scope video.Scope, err error) {
	ctx, cancel := context.WithTimeout(ctx, identityTime)
	defer cancel()
	scope = app.Scope
	id, err := app.Identity(ctx)
	switch {
	case err == nil && scope.Account != "" && id.Account != scope.Account && !stops:
		return "", scope, fmt.Errorf("the credentials are of account %s (%s), ALIBABA_CLOUD_ACCOUNT_ID is %s: set one of them right", id.Account, id.ARN, scope.Account)
	case err == nil:
		scope.Account = cmp.Or(scope.Account, id.Account)
		return id.ARN, scope, nil
	case errors.Is(err, boot.ErrNoCredentials):
		return operator(), scope, nil
	case stops || strings.HasPrefix(app.Config.State, "file:"):
		said := a.warn("recorded for %s, since STS does not tell whose credentials these are: %s", operator(), err)
		return operator(), scope, said
	}
	return "", scope, fmt.Errorf("whose credentials these are is not known, nothing was changed; try again, or set STS_ENDPOINT: %w", err)
}

// noteTime is how long STS has to answer for a note.
const noteTime = 2 * time.Second

// author is who a change is noted for, whom nobody checks: the ARN of the credentials or, where
// STS does not tell it, the user of this machine.
func author(ctx context.Context, app *boot.App) string {
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	by := operator()
	if id, err := app.Identity(ctx); err == nil {
		by = id.ARN
	}
	return noted(by)
}

// sign notes who asks for changes, and what they came from where they do not say it.
func sign(ctx context.Context, app *boot.App, source string, changes []video.Change) {
	by := author(ctx, app)
	for i := range changes {
		c := &changes[i]
		c.By, c.Source = cmp.Or(c.By, by), cmp.Or(c.Source, noted(source))
	}
}

// noted is a text as a note holds it.
func noted(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) > video.MaxAsked {
		text = strings.ToValidUTF8(text[:video.MaxAsked-len("…")], "") + "…"
	}
	return text
}

// fileName is how a note names a file: without its folder, which is its owner's business.
func fileName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return filepath.Base(name)
}

// operator is who runs this tool, as the machine knows them. No ARN begins like it, and
// no policy's name does.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "local:" + u.Username
	}
	return "local:somebody"
}
