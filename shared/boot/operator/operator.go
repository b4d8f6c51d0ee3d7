// Package operator says who a person's command is recorded for. It believes no setting: it
// asks STS whose the credentials are.
package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

// patience is how long STS has to answer: whoever halts is in a hurry.
const patience = 5 * time.Second

// Operator is a person at work with the credentials of an environment.
type Operator struct {
	Name  string      // the ARN that STS tells; "local:" and the user of this machine where nobody can tell
	Scope video.Scope // of the environment, with the credentials' account where that names none
	Doubt error       // why STS does not tell, where Name is of this machine and there are credentials
}

// Of is who runs this program. Where nobody can tell, for want of credentials or because
// STATE is a folder of this machine, it is the user of this machine. What only stops removal
// is not refused because STS does not answer, nor because the account is another.
func Of(ctx context.Context, app *boot.App, stops bool) (Operator, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := Operator{Name: Local(), Scope: app.Scope}
	id, err := app.Identity(ctx)
	switch {
	case err == nil && o.Scope.Account != "" && id.Account != o.Scope.Account && !stops:
		return Operator{}, fmt.Errorf("the credentials are of account %s (%s), ALIBABA_CLOUD_ACCOUNT_ID is %s: set one of them right", id.Account, id.ARN, o.Scope.Account)
	case err == nil:
		o.Name, o.Scope.Account = id.ARN, cmp.Or(o.Scope.Account, id.Account)
		return o, nil
	case errors.Is(err, boot.ErrNoCredentials):
		return o, nil
	case stops || strings.HasPrefix(app.Config.State, "file:"):
		o.Doubt = fmt.Errorf("recorded for %s, since STS does not tell whose credentials these are: %w", o.Name, err)
		return o, nil
	}
	return Operator{}, fmt.Errorf("whose credentials these are is not known, nothing was changed; try again, or set STS_ENDPOINT: %w", err)
}

// Local is the user of this machine, as it knows them. No ARN begins like it, and no policy's
// name does.
func Local() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "local:" + u.Username
	}
	return "local:somebody"
}

// Remark is a note, with who is said to ask for something. Neither is believed.
func Remark(by, note string) string {
	switch by = strings.TrimSpace(by); {
	case by == "":
		return note
	case note == "":
		return "said to be by " + by
	default:
		return "said to be by " + by + ": " + note
	}
}
