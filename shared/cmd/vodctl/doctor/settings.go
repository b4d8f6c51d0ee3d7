package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/tagging"
)

// written reads a file of the owner: of this machine, else under STATE, opened for reading.
func (p *Patient) written(ctx context.Context, name string) ([]byte, *Finding) {
	text, err := os.ReadFile(name)
	if err == nil {
		return text, nil
	}
	s, f := p.opened(ctx)
	if f != nil {
		return nil, f
	}
	if text, err = s.Read(ctx, name); err != nil {
		bad := fault("put the file there, or name another", "%s is no file here, and under STATE: %v", name, err)
		return nil, &bad
	}
	return text, nil
}

func rules(ctx context.Context, p *Patient) []Finding {
	f := p.checked(ctx, p.App.RulesFile, "vodctl rules check", func(text []byte) error { _, err := tagging.Parse(p.App.RulesFile, text); return err })
	if f.Health == OK {
		f.Seen += ", TAGGING_MODE " + p.App.TaggingMode + " here"
	}
	return []Finding{f}
}

func policy(ctx context.Context, p *Patient) []Finding {
	return []Finding{p.checked(ctx, p.App.PolicyFile, "vodctl policy check", func(text []byte) error { _, err := retention.Parse(p.App.PolicyFile, text); return err })}
}

func (p *Patient) checked(ctx context.Context, name, how string, parse func([]byte) error) Finding {
	if name == "" {
		return ok("the built-in one")
	}
	text, f := p.written(ctx, name)
	if f != nil {
		return *f
	}
	if err := parse(text); err != nil {
		return fault(how+" "+name, "%s has mistakes, the first: %s", name, first(err))
	}
	return ok("%s has no mistake", name)
}

// first is the first line of a text of many.
func first(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}

// rate adds up the parts of the account's rates that the manifest gives to the functions.
func rate(_ context.Context, p *Patient) []Finding {
	total := 0.0
	for _, f := range p.Manifest.Functions {
		share, err := strconv.ParseFloat(f.Env["RATE_SHARE"], 64)
		if err != nil {
			continue // callback asks VOD nothing
		}
		total += share * float64(max(f.Concurrency.Reserved, 1))
	}
	const spread = "players and CMS need the rest: lower RATE_SHARE or reservedConcurrency in s.yaml"
	seen := fmt.Sprintf("%.2f of VOD's documented rates for all functions, %g for vodctl", total, p.App.RateShare)
	switch {
	case total == 0:
		return []Finding{doubt(compare, "not known: no s.yaml says it; %g for vodctl", p.App.RateShare)}
	case total > 1:
		return []Finding{fault(spread, "%s: more than there is", seen)}
	case total > 0.75:
		return []Finding{doubt(spread, "%s", seen)}
	}
	return []Finding{ok("%s", seen)}
}

// notices says whether anybody hears of incidents. The address is not shown, and not tried:
// that would send.
func notices(_ context.Context, p *Patient) []Finding {
	url, key := p.App.NotifyURL, string(p.App.NotifyKey)
	for _, f := range p.Manifest.Functions {
		url, key = cmp.Or(url, f.Env["NOTIFY_URL"]), cmp.Or(key, f.Env["NOTIFY_KEY"])
	}
	switch {
	case url == "":
		return []Finding{doubt("set NOTIFY_URL and deploy: nights, incidents, old queues and dead letters are reported there", "nothing is reported: NOTIFY_URL is not set")}
	case key == "":
		return []Finding{doubt("set NOTIFY_KEY, so that the receiver can tell them from others'", "sent, and not signed")}
	}
	return []Finding{ok("sent and signed")}
}
