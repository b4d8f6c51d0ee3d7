package insight

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

// identityTime is how long STS has to answer: whoever halts is in a hurry.
const identityTime = 5 * time.Second

// Identity is who an act is recorded for: the ARN that STS tells of the credentials, and the
// scope of the environment, with their account where that names none. Where nobody can tell,
// for want of credentials or because STATE is a folder of this machine, it is "local:" and the
// user of this machine. An act that only stops removal is not refused because STS does not
// answer.
func Identity(ctx context.Context, app *boot.App, stops bool, o Options) (who string, scope video.Scope, err error) {
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
		return Operator(), scope, nil
	case stops || strings.HasPrefix(app.Config.State, "file:"):
		o.warn("recorded for %s, since STS does not tell whose credentials these are: %s", Operator(), err)
		return Operator(), scope, nil
	}
	return "", scope, fmt.Errorf("whose credentials these are is not known, nothing was changed; try again, or set STS_ENDPOINT: %w", err)
}

// Operator is who runs this program, as the machine knows them. No ARN begins like it, and
// no policy's name does.
func Operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "local:" + u.Username
	}
	return "local:somebody"
}
