package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"vodcurator/functions"
	"vodcurator/shared/account"
	"vodcurator/shared/manifest"
	"vodcurator/shared/video"
)

const compare = "name the s.yaml that was deployed with --manifest, to compare"

func streams(ctx context.Context, p *Patient) (all []Finding) {
	for _, f := range p.Manifest.Functions {
		for _, t := range f.Triggers {
			if t.Queue() == "" {
				continue
			}
			have, err := p.streams.get(ctx)
			if err != nil {
				return []Finding{unasked(err, "")}
			}
			all = append(all, streamOf(have, f, t).of(f.Name+"/"+t.Name))
		}
	}
	if len(all) == 0 {
		return []Finding{doubt(compare, "not asked: no s.yaml says which there should be")}
	}
	return all
}

func streamOf(have []account.Stream, f manifest.Function, t manifest.Trigger) Finding {
	i := slices.IndexFunc(have, func(s account.Stream) bool { return s.Queue == t.Queue() && path.Base(s.Function) == f.Name })
	if i < 0 {
		return fault("make deploy sets the trigger", "does not exist: nothing takes from %s", t.Queue())
	}
	switch s := have[i]; strings.ToUpper(s.Status) {
	case "RUNNING":
		return ok("running, from %s", s.Queue)
	case "READY", "CREATING", "STARTING":
		return doubt("look again in a minute", "%s, from %s", strings.ToLower(s.Status), s.Queue)
	default:
		return fault(fmt.Sprintf("start event stream %s in EventBridge's console, and look into the function's log for why it stopped", s.Name), "%s: messages stay in %s", s.Status, s.Queue)
	}
}

func deployed(ctx context.Context, p *Patient) (all []Finding) {
	if len(p.Manifest.Functions) == 0 {
		return []Finding{doubt(compare, "not asked: no s.yaml says which there should be")}
	}
	for _, want := range p.Manifest.Functions {
		is, err := p.deployed[want.Name].get(ctx)
		switch {
		case errors.Is(err, video.ErrNotFound):
			all = append(all, fault("make deploy; a function that you left out on purpose is left out of s.yaml, too", "is not deployed").of(want.Name))
		case err != nil:
			all = append(all, unasked(err, "").of(want.Name))
		default:
			all = append(all, p.compared(ctx, want, is).of(want.Name))
		}
	}
	return all
}

// compared says where a deployed function differs from the manifest. What it works with must
// be the same; the rest a shell with other variables may have set.
func (p *Patient) compared(ctx context.Context, want manifest.Function, is account.Function) Finding {
	var wrong, other []string
	differs := func(list *[]string, name string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) && !strings.Contains(fmt.Sprint(want), "${") {
			*list = append(*list, fmt.Sprintf("%s is %v, s.yaml says %v", name, got, want))
		}
	}
	differs(&wrong, "runtime", is.Runtime, want.Runtime)
	differs(&wrong, "handler", is.Handler, want.Handler)
	differs(&wrong, "role", strings.ToLower(is.Role), strings.ToLower(want.Role))
	differs(&other, "memorySize", is.Memory, want.Memory)
	differs(&other, "timeout", is.Timeout, want.Timeout)
	for _, name := range slices.Sorted(maps.Keys(want.Env)) {
		got, has := is.Env[name]
		switch {
		case !has:
			wrong = append(wrong, name+" is not in its environment")
		case got == want.Env[name]:
		case secret[name]:
			other = append(other, name+" is another than here")
		case mustAgree[name]:
			differs(&wrong, name, quoted(got), quoted(want.Env[name]))
		default:
			differs(&other, name, quoted(got), quoted(want.Env[name]))
		}
	}
	if status := is.Update; status != "" && status != "Successful" {
		wrong = append(wrong, "its last update is "+status)
	}
	off, err := p.offTriggers(ctx, want)
	switch {
	case len(wrong) > 0:
		return fault("make deploy with the variables that it shall have", "%s", few(append(wrong, other...)))
	case len(off) > 0:
		return fault("switch it on in Function Compute's console, or make deploy", "trigger %s", few(off))
	case len(other) > 0:
		return doubt("make deploy if s.yaml is right", "%s", few(other))
	case err != nil:
		return unasked(err, "")
	}
	changed := ""
	if is.Changed != "" {
		changed = ", last changed " + is.Changed
	}
	return ok("as s.yaml has it%s", changed)
}

// secret are variables whose values nobody shows.
var secret = map[string]bool{"CALLBACK_KEYS": true, "NOTIFY_KEY": true, "NOTIFY_URL": true, "CALLBACK_URL": true}

// mustAgree are variables in which all functions and vodctl have to agree.
var mustAgree = map[string]bool{
	"ALIBABA_CLOUD_REGION": true, "ALIBABA_CLOUD_ACCOUNT_ID": true, "APP_ID": true, "STATE": true, "NOTICE_QUEUE": true,
	"METADATA_QUEUE": true, "METADATA_BULK_QUEUE": true, "DEAD_LETTER_QUEUE": true, "METADATA_INTAKE": true,
}

func quoted(value string) string {
	if value == "" {
		return "empty"
	}
	return value
}

func (p *Patient) offTriggers(ctx context.Context, want manifest.Function) (off []string, err error) {
	have, err := p.around.Triggers(ctx, want.Name)
	if err != nil {
		return nil, err
	}
	for _, t := range want.Triggers {
		i := slices.IndexFunc(have, func(h account.Trigger) bool { return h.Name == t.Name })
		switch {
		case t.Off():
		case i < 0:
			off = append(off, t.Name+" does not exist")
		case !have[i].On:
			off = append(off, t.Name+" is switched off")
		}
	}
	return off, nil
}

// Role is a function's role and the policy that its duty needs.
type Role struct {
	Function, Name string
	File           string // of the policy, below functions/
}

// Roles are those of the functions: of the manifest where there is one.
func (p *Patient) Roles() (all []Role) {
	for _, f := range p.Manifest.Functions {
		file := f.Resource + "/ram-policy.json"
		if f.Resource == "autotag" && f.Env["METADATA_QUEUE"] == "" {
			file = "autotag/ram-policy-direct.json" // there it writes itself
		}
		if _, err := functions.Policy(file); err == nil && f.Role != "" {
			all = append(all, Role{f.Name, path.Base(f.Role), file})
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, name := range []string{"autotag", "callback", "metadata", "purgeplan", "purge", "tier"} {
		all = append(all, Role{name, "vodcurator-" + name, name + "/ram-policy.json"})
	}
	return all
}

func roles(ctx context.Context, p *Patient) (all []Finding) {
	for _, r := range p.Roles() {
		all = append(all, p.LookAtRole(ctx, r).of(r.Name))
	}
	return all
}

// LookAtRole compares what a role may do with what its function needs.
func (p *Patient) LookAtRole(ctx context.Context, r Role) Finding {
	trust, err := p.around.Trust(ctx, r.Name)
	if errors.Is(err, video.ErrNotFound) {
		return fault("vodctl setup --apply makes it", "does not exist")
	}
	if err != nil {
		return unasked(err, "")
	}
	if !strings.Contains(trust, "fc.aliyuncs.com") {
		return fault("let fc.aliyuncs.com take the role on", "functions may not take it on")
	}
	have, err := p.around.Policies(ctx, r.Name)
	if err != nil {
		return unasked(err, "")
	}
	text, err := functions.Policy(r.File)
	if err != nil {
		return doubt("take this program's own names of functions", "no policy is known for %s", r.Function)
	}
	return p.compareRights(r, text, have)
}
