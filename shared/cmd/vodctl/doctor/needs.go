package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"vodcurator/functions"
	"vodcurator/shared/account"
	"vodcurator/shared/boot"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// Status says whether an account has what it needs.
type Status string

// The statuses.
const (
	There   Status = "there"
	Missing Status = "missing"
	Differs Status = "differs" // it is there and not as needed; nobody but a person changes it
	Unknown Status = "unknown" // it cannot be asked
)

// Need is a thing that an account needs before the functions work in it.
type Need struct {
	What   string `json:"what"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	Seen   string `json:"seen,omitempty"` // of what is not there as needed
	How    string `json:"how"`
	// ByHand says that setup --apply leaves it to a person.
	ByHand bool `json:"byHand,omitempty"`

	look func(ctx context.Context) (Status, string)
	make func(ctx context.Context) error
}

// Make makes what is missing. What is there is never changed.
func (n Need) Make(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return n.make(ctx)
}

// Needs looks at everything that the account needs. No account named, the list is the same
// with nothing looked at.
func (p *Patient) Needs(ctx context.Context) []Need {
	all := p.needs()
	var looks sync.WaitGroup
	for i := range all {
		n := &all[i]
		n.ByHand = n.make == nil
		looks.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			n.Status, n.Seen = n.look(ctx)
		})
	}
	looks.Wait()
	return all
}

func (p *Patient) needs() (all []Need) {
	scope := p.App.Scope
	scope.Account = cmp.Or(scope.Account, "ACCOUNT")
	for _, q := range p.Queues() {
		all = append(all, Need{What: "queue", Name: q.Name,
			How:  fmt.Sprintf("MNS, region %s: %s; retention %s or more", scope.Region, q.Why, ago(q.Keeps)),
			look: func(ctx context.Context) (Status, string) { return p.needQueue(ctx, q) },
			make: func(ctx context.Context) error {
				if p.App.Queue == nil {
					return errors.New("ALIBABA_CLOUD_ACCOUNT_ID is not set")
				}
				return p.App.Queue.Ensure(ctx, q.Name, q.Keeps)
			}})
	}
	all = append(all, p.needBucket(scope))
	for _, r := range p.Roles() {
		how := fmt.Sprintf("trusts fc.aliyuncs.com, policy functions/%s", r.File)
		if r.Function == "callback" {
			how += " (only with VOD's HTTP callback)"
		}
		if r.File == "autotag/ram-policy-direct.json" {
			how += ", which may change assets: there is no METADATA_QUEUE"
		}
		all = append(all, Need{What: "role", Name: r.Name, How: how,
			look: func(ctx context.Context) (Status, string) { return p.needRole(ctx, r) },
			make: func(ctx context.Context) error { return p.makeRole(ctx, r) }})
	}
	for _, one := range [][3]string{
		{"vodcurator-operator", "operator-policy.json", "approvals, withdrawals, halts, check points, policies and rules are theirs alone"},
		{"vodcurator-doctor", "doctor-policy.json", "what vodctl doctor reads, and nothing else"},
	} {
		all = append(all, Need{What: "policy", Name: one[0], How: "functions/" + one[1] + ", to give to people: " + one[2],
			look: func(ctx context.Context) (Status, string) { return p.needPolicy(ctx, one[0], one[1]) },
			make: func(ctx context.Context) error { return p.makePolicy(ctx, one[0], one[1]) }})
	}
	const vodRole = "AliyunVODDefaultRole"
	all = append(all, Need{What: "grant", Name: vodRole, How: "lets VOD write into the queue " + p.noticeQueue() + "; VOD's console asks for it",
		look: func(ctx context.Context) (Status, string) {
			_, err := p.around.Trust(ctx, vodRole)
			return status(err)
		}})
	return append(all, p.needCallback(scope))
}

// status is that of a thing that is as it should be where it is there.
func status(err error) (Status, string) {
	switch {
	case err == nil:
		return There, ""
	case errors.Is(err, video.ErrNotFound):
		return Missing, ""
	}
	if errors.Is(err, boot.ErrNoCredentials) || strings.Contains(err.Error(), boot.ErrNoCredentials.Error()) { // OSS's client keeps the words alone
		return Unknown, "no credentials"
	}
	return Unknown, unasked(err, "").Seen
}

func (p *Patient) needQueue(ctx context.Context, q Queue) (Status, string) {
	if p.App.Queue == nil {
		return Unknown, "ALIBABA_CLOUD_ACCOUNT_ID is not set"
	}
	is, err := p.App.Queue.Settings(ctx, q.Name)
	switch s, seen := status(err); {
	case s != There:
		return s, seen
	case is.Retention > 0 && is.Retention < q.Keeps:
		return Differs, "keeps messages for " + ago(is.Retention) + ", not " + ago(q.Keeps)
	case q.Bulk && is.Wait > 0:
		return Differs, fmt.Sprintf("PollingWaitSeconds is %d, not 0", int(is.Wait.Seconds()))
	}
	return There, ""
}

func (p *Patient) needBucket(scope video.Scope) Need {
	spec := p.App.Config.State
	if !strings.HasPrefix(spec, "oss://") {
		spec = "oss://vodcurator-" + scope.Account + "/v1"
	}
	bucket, prefix, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(spec, "oss://"), "/"), "/")
	how := fmt.Sprintf("OSS, region %s, private, of account %s (the functions refuse another account's), versioning never switched on: a versioned bucket ignores create-if-absent and is refused",
		scope.Region, scope.Account)
	if !strings.HasPrefix(bucket, "vodcurator-") || prefix != "v1" {
		how += fmt.Sprintf("; in all policies vodcurator-*/v1/ becomes %s/, and vodcurator-* at the end becomes %s", strings.TrimSuffix(bucket+"/"+prefix, "/"), bucket)
	}
	o := p.stateOptions()
	return Need{What: "bucket", Name: bucket, How: how,
		look: func(ctx context.Context) (Status, string) {
			is, err := state.Look(ctx, spec, o)
			switch s, seen := status(err); {
			case s != There:
				return s, seen
			case is.Owner != "" && p.App.Scope.Account != "" && is.Owner != scope.Account:
				return Differs, "is of account " + is.Owner
			case is.Versioned:
				return Differs, "keeps versions"
			}
			return There, ""
		},
		make: func(ctx context.Context) error { return state.MakeBucket(ctx, spec, o) }}
}

// needRole is missing, too, where the role has no policy: making it was interrupted.
func (p *Patient) needRole(ctx context.Context, r Role) (Status, string) {
	_, err := p.around.Trust(ctx, r.Name)
	if s, seen := status(err); s != There {
		return s, seen
	}
	have, err := p.around.Policies(ctx, r.Name)
	if s, seen := status(err); s != There {
		return Unknown, seen
	}
	if len(have) == 0 {
		return Missing, "has no policy"
	}
	if f := p.LookAtRole(ctx, r); f.Health != OK {
		return Differs, f.Seen
	}
	return There, ""
}

const trustFunctions = `{"Version":"1","Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":["fc.aliyuncs.com"]}}]}`

func (p *Patient) makeRole(ctx context.Context, r Role) error {
	if err := p.makePolicy(ctx, r.Name, r.File); err != nil { // first, so that no role is left without one
		return err
	}
	if err := p.around.CreateRole(ctx, r.Name, trustFunctions); err != nil && !errors.Is(err, account.ErrExists) {
		return err
	}
	return p.around.Attach(ctx, r.Name, r.Name)
}

func (p *Patient) needPolicy(ctx context.Context, name, file string) (Status, string) {
	document, err := p.around.Document(ctx, name)
	if s, seen := status(err); s != There {
		return s, seen
	}
	duty, err := functions.Policy(file)
	if err != nil {
		return Unknown, err.Error()
	}
	f := p.compareRights(Role{Name: name, File: file}, duty, []account.Policy{{Name: name, Document: document}})
	if f.Health != OK {
		return Differs, f.Seen
	}
	return There, ""
}

// makePolicy makes a policy out of a file, with the bucket and the queues of here. One of its
// name that is there is taken only if it is that policy.
func (p *Patient) makePolicy(ctx context.Context, name, file string) error {
	text, err := functions.Policy(file)
	if err != nil {
		return err
	}
	err = p.around.CreatePolicy(ctx, name, p.placed(string(text)))
	if errors.Is(err, account.ErrExists) {
		if s, seen := p.needPolicy(ctx, name, file); s != There {
			return fmt.Errorf("there is another policy %s, which stays as it is: %s", name, seen)
		}
		return nil
	}
	return err
}

// placed is a policy's text with the names of here.
func (p *Patient) placed(text string) string {
	text = strings.ReplaceAll(text, "acs:oss:*:*:vodcurator-*/v1/", "acs:oss:*:*:"+p.inBucket("vodcurator-*/v1/"))
	text = strings.ReplaceAll(text, `acs:oss:*:*:vodcurator-*"`, "acs:oss:*:*:"+p.inBucket("vodcurator-*")+`"`)
	return p.ourQueue(text)
}

func (p *Patient) needCallback(scope video.Scope) Need {
	endpoint := "https://" + scope.Account + ".mns." + scope.Region + ".aliyuncs.com/"
	return Need{What: "callback", Name: cmp.Or(scope.App, "app-1000000"),
		How: fmt.Sprintf("SetMessageCallback CallbackType=MNS MnsEndpoint=%s MnsQueueName=%s EventTypeList=%s; one setting per region and application: ask first whose it is, and never leave the list out, that switches all events off",
			endpoint, p.noticeQueue(), strings.Join(CallbackEvents, ",")),
		look: func(ctx context.Context) (Status, string) {
			c, err := p.callback.get(ctx)
			if s, seen := status(err); s != There {
				return s, seen
			}
			if c.Type == "" {
				return Missing, ""
			}
			for _, f := range callback(ctx, p) {
				if f.Health != OK {
					return Differs, f.Seen
				}
			}
			return There, ""
		},
		make: func(ctx context.Context) error {
			return p.App.VOD.SetCallback(ctx, vod.Callback{Type: "MNS", Endpoint: endpoint, Queue: p.noticeQueue(), Events: CallbackEvents})
		}}
}
