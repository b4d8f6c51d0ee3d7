package doctor

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

func environment(_ context.Context, p *Patient) []Finding {
	if p.Bad != nil {
		var all []Finding
		for line := range strings.SplitSeq(p.Bad.Error(), "\n") {
			all = append(all, fault("vodctl help variables says what each variable looks like", "%s", line))
		}
		return all
	}
	c := p.App.Config
	var missing []string
	for _, v := range [][2]string{{"STATE", c.State}, {"METADATA_QUEUE", c.MetadataQueue}, {"DEAD_LETTER_QUEUE", c.DeadLetterQueue}, {"ALIBABA_CLOUD_ACCOUNT_ID", c.Scope.Account}} {
		if v[1] == "" {
			missing = append(missing, v[0])
		}
	}
	if len(missing) > 0 {
		return []Finding{doubt("set what the functions have in s.yaml, so that vodctl looks at the same things", "not set: %s", strings.Join(missing, ", "))}
	}
	return []Finding{ok("region %s, account %s, STATE %s", c.Scope.Region, c.Scope.Account, c.State)}
}

func manifestCheck(_ context.Context, p *Patient) []Finding {
	switch {
	case p.ManifestError != nil:
		return []Finding{doubt("name the s.yaml that was deployed: --manifest FILE", "not read: %v", p.ManifestError)}
	case len(p.Manifest.Functions) == 0:
		return []Finding{fault("take the s.yaml of this program", "no function is in it")}
	}
	names := make([]string, len(p.Manifest.Functions))
	for i, f := range p.Manifest.Functions {
		names[i] = f.Name
	}
	return []Finding{ok("%s", strings.Join(names, ", "))}
}

func credentials(ctx context.Context, p *Patient) []Finding {
	const again = "sign in again, or set ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and ALIBABA_CLOUD_SECURITY_TOKEN anew"
	id, err := p.App.Identity(ctx)
	want := p.App.Scope.Account
	switch {
	case errors.Is(err, boot.ErrNoCredentials):
		return []Finding{fault("set ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, or a profile of the aliyun CLI", "none")}
	case errors.Is(err, video.ErrForbidden):
		return []Finding{fault(again, "refused: %v", err)}
	case err != nil:
		return []Finding{fault("check STS_ENDPOINT, VOD_ENDPOINT and the network", "nobody tells whose they are: %v", err)}
	case want != "" && id.Account != want:
		return []Finding{fault("set ALIBABA_CLOUD_ACCOUNT_ID, or take credentials of that account", "of account %s (%s), ALIBABA_CLOUD_ACCOUNT_ID is %s", id.Account, id.ARN, want)}
	case strings.HasSuffix(id.ARN, ":root") && !local(p.App.VODEndpoint):
		return []Finding{doubt("work as a RAM user or role with functions/operator-policy.json", "%s: the account itself, which may do everything", id.ARN)}
	}
	return []Finding{ok("%s", id.ARN)}
}

// The provider refuses calls 15 minutes off. Half a minute is more than a clock that is set
// by the network ever is.
const (
	refusedSkew = 15 * time.Minute
	smallSkew   = 30 * time.Second
)

func clock(ctx context.Context, p *Patient) []Finding {
	skew, err := p.around.Skew(ctx, cmp.Or(p.App.VODEndpoint, "https://vod."+p.App.Scope.Region+".aliyuncs.com"))
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	const set = "set this machine's clock by the network (NTP)"
	switch off := skew.Abs(); {
	case err != nil:
		return []Finding{unasked(err, "")}
	case off >= refusedSkew:
		return []Finding{fault(set+": signed calls are refused from 15 minutes on", "%s %s VOD's", ago(skew), side)}
	case off >= smallSkew:
		return []Finding{doubt(set, "%s %s VOD's", ago(skew), side)}
	}
	return []Finding{ok("as VOD's, to the second")}
}
