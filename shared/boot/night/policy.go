package night

import (
	"cmp"
	"context"
	"fmt"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
)

// Policy reads POLICY_FILE, or gives the embedded policy when none is named. It
// is read anew for each run, so that a mended policy needs no deployment.
func Policy(ctx context.Context, a *boot.App) (*retention.Policy, error) {
	text, err := a.File(ctx, a.PolicyFile)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if text == nil {
		text = retention.DefaultSource()
	}
	return retention.Parse(cmp.Or(a.PolicyFile, "default.yaml"), text)
}
