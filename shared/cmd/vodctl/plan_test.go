package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/boot/operator"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// planned writes a plan of one item into a new state and gives the environment
// that finds it.
func planned(t *testing.T) (map[string]string, removal.Plan) {
	t.Helper()
	return plannedLike(t, func(*removal.Plan) {})
}

func plannedLike(t *testing.T, change func(*removal.Plan)) (map[string]string, removal.Plan) {
	t.Helper()
	dir := t.TempDir()
	store, err := state.Open(t.Context(), "file:"+dir, state.Options{})
	require.NoError(t, err)
	lines := removal.Lines{Objects: store}
	item := retention.Item{ID: "a1", Kind: retention.Whole, Bytes: 1500, Rule: "temporary", Reason: "40d since upload, limit 30d"}
	require.NoError(t, lines.Add(t.Context(), retention.Verdict{ID: "a1", Title: "=a title", Items: []retention.Item{item}}))
	require.NoError(t, lines.Flush(t.Context()))
	now := time.Now().UTC().Truncate(time.Second)
	p := removal.Plan{
		Created: now, Expires: now.AddDate(0, 0, 7), Scope: video.Scope{Region: "cn-shanghai", Account: "1234"}, Policy: retention.Default().Hash,
		Library: removal.Library{Media: 30}, Chunks: lines.Written, Kept: map[retention.Why]int{retention.Held: 1},
		Rules:   []removal.RuleTotals{{Rule: "temporary", Kind: retention.Whole, Totals: removal.Totals{Media: 1, Items: 1, Bytes: 1500}}},
		Biggest: []removal.Big{{Item: item, Title: "=a title"}},
	}
	p.Add(item)
	change(&p)
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), store, p))
	require.NoError(t, store.Close())
	return map[string]string{"STATE": "file:" + dir, "ALIBABA_CLOUD_ACCOUNT_ID": "1234"}, p
}

func TestAPlanIsShownAndApprovedOnlyOnPurpose(t *testing.T) {
	env, p := planned(t)
	code, out, errs := vodctl(t, env, "plan", "show")
	require.Zero(t, code, errs)
	for _, want := range []string{p.ID, "account 1234, region cn-shanghai", "1 item: 1.5 kB", "temporary", "40d since upload", "1 held", "Status: not approved"} {
		require.Contains(t, out, want)
	}

	code, out, errs = vodctl(t, env, "approve", p.ID)
	require.Equal(t, 2, code)
	require.Contains(t, out, p.ID)
	require.Contains(t, errs, "nothing was changed; say --yes")
	_, out, _ = vodctl(t, env, "plan", "show", p.ID)
	require.Contains(t, out, "not approved", "without a terminal and without --yes it only shows")

	code, out, errs = vodctl(t, env, "approve", p.ID, "--yes", "--by", "anna")
	require.Zero(t, code, errs)
	require.Contains(t, out, "approved by "+operator.Local()+": 1 item")
	_, out, _ = vodctl(t, env, "plan", "list")
	require.Contains(t, out, "approved by "+operator.Local()+" (said to be by anna)")

	code, _, errs = vodctl(t, env, "approve", p.ID, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "plan "+p.ID+" is approved by "+operator.Local())
}

func TestAPlanOfAnotherAccountIsNotApproved(t *testing.T) {
	env, p := planned(t)
	env["ALIBABA_CLOUD_ACCOUNT_ID"] = "99"
	code, _, errs := vodctl(t, env, "approve", p.ID, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "is of account 1234")
}

func TestAPlanThatPurgeWouldRefuseIsNotApproved(t *testing.T) {
	for want, change := range map[string]func(*removal.Plan){
		" is expired ": func(p *removal.Plan) {
			p.Created, p.Expires = p.Created.AddDate(0, 0, -8), p.Created.AddDate(0, 0, -1)
		},
		"the policy changed since it was made":                         func(p *removal.Plan) { p.Policy = strings.Repeat("0", 64) },
		"it is over the guards: 7 items, at most 5":                    func(p *removal.Plan) { p.Over = []string{"7 items, at most 5"} },
		"is of account 99 in cn-shanghai":                              func(p *removal.Plan) { p.Account = "99" },
		`is of account 1234 in cn-shanghai, application "app-1", this`: func(p *removal.Plan) { p.App = "app-1" },
	} {
		env, p := plannedLike(t, change)
		code, out, errs := vodctl(t, env, "approve", p.ID, "--yes")
		ends := 1
		if p.Over != nil {
			ends = 4
		}
		require.Equal(t, ends, code, want)
		require.Empty(t, out)
		require.Contains(t, errs, want)
		code, _, errs = vodctlTyped(t, env, "cn-shanghai 1234\n", "approve", p.ID)
		require.Equal(t, ends, code, want)
		require.Contains(t, errs, want)
		require.NotContains(t, errs, "Type")
		_, out, _ = vodctl(t, env, "plan", "show", p.ID)
		require.NotContains(t, out, "Status: approved")
	}
}

func TestAPlanOfAClockThatIsAheadIsApproved(t *testing.T) {
	env, p := plannedLike(t, func(p *removal.Plan) { p.Created = p.Created.Add(time.Hour) })
	code, _, errs := vodctl(t, env, "approve", p.ID, "--yes")
	require.Zero(t, code, errs)
}

func TestRegionAndAccountAreTypedByHand(t *testing.T) {
	for typed, code := range map[string]int{
		"cn-shanghai 1234\n":   0,
		"  cn-shanghai 1234 ":  0, // the end of the input ends the line as well
		"cn-shanghai 12345\n":  1,
		"cn-beijing 1234\n":    1,
		"yes\n":                1,
		"\ncn-shanghai 1234\n": 1,
		"":                     1,
	} {
		env, p := planned(t)
		got, out, errs := vodctlTyped(t, env, typed, "approve", p.ID)
		require.Equal(t, code, got, typed)
		require.Contains(t, out, "Plan "+p.ID, "it is shown first")
		require.Contains(t, errs, `This cannot be undone. Type "cn-shanghai 1234" to go on: `)
		status := "approved by "
		if code > 0 {
			status = "not approved"
			require.Contains(t, errs, "nothing was changed")
		}
		_, out, _ = vodctl(t, env, "plan", "show", p.ID)
		require.Contains(t, out, "Status: "+status)
	}
}

func TestAnApprovalIsWithdrawn(t *testing.T) {
	for _, approved := range []bool{true, false} {
		env, p := planned(t)
		was := "not approved"
		if approved {
			code, _, errs := vodctl(t, env, "approve", p.ID, "--yes", "--by", "anna")
			require.Zero(t, code, errs)
			was = "approved by " + operator.Local()
		}
		code, out, errs := vodctl(t, env, "approve", p.ID, "--withdraw", "--by", "otto")
		require.Zero(t, code, errs)
		require.Contains(t, out, "withdrawn by "+operator.Local()+", it was "+was)
		for _, args := range [][]string{{"plan", "show"}, {"plan", "list"}} {
			_, out, _ = vodctl(t, env, args...)
			require.Regexp(t, `withdrawn \S+ \S+ by \S+ \(said to be by otto\)`, out)
		}
		code, _, errs = vodctl(t, env, "approve", p.ID, "--yes")
		require.Equal(t, 1, code)
		require.Contains(t, errs, "plan "+p.ID+" is withdrawn")
	}
	env, p := planned(t)
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.NoError(t, removal.EndRun(t.Context(), store, removal.RunEnd{Plan: p.ID}))
	code, _, errs := vodctl(t, env, "approve", p.ID, "--withdraw")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "cannot be withdrawn any more, it is ended")
}

func TestAPlanThatWasEditedIsNotShown(t *testing.T) {
	env, p := planned(t)
	name := filepath.Join(strings.TrimPrefix(env["STATE"], "file:"), "plans", p.ID+".json")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(name, 0o600))
	require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(text), "1500", "1501", 1)), 0o600))
	code, _, errs := vodctl(t, env, "plan", "show")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "corrupt")
	code, out, _ := vodctl(t, env, "plan", "list")
	require.Zero(t, code)
	require.Contains(t, out, "corrupt: plans/"+p.ID+".json; restore it")
}

func TestEveryItemIsShownAsJSONToo(t *testing.T) {
	env, p := planned(t)
	code, out, errs := vodctl(t, env, "plan", "show", p.ID, "--items")
	require.Zero(t, code, errs)
	require.Equal(t, 1, strings.Count(out, "\n"), "a line for each media")
	var v retention.Verdict
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	require.Equal(t, p.Biggest[0].Item, v.Items[0])
	require.Equal(t, "=a title", v.Title)
	code, _, _ = vodctl(t, env, "plan", "show", "--items", "--csv")
	require.Equal(t, 2, code)
}

func TestATitleIsNoFormulaInTheCSV(t *testing.T) {
	env, _ := planned(t)
	code, out, _ := vodctl(t, env, "plan", "show", "--csv")
	require.Zero(t, code)
	require.Contains(t, out, "a1,'=a title,")
}

func TestHaltAndResume(t *testing.T) {
	env, _ := planned(t)
	code, out, _ := vodctl(t, env, "halt", "--reason", "wait", "--by", "anna")
	require.Zero(t, code)
	require.Contains(t, out, "Removal is halted")
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.ErrorIs(t, removal.CheckHalt(t.Context(), store), video.ErrDeferred)
	code, _, _ = vodctl(t, env, "resume")
	require.Zero(t, code)
	require.NoError(t, removal.CheckHalt(t.Context(), store))
}

func TestTheLedgerIsProvedOrNot(t *testing.T) {
	env, p := planned(t)
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	ledger, err := removal.OpenLedger(t.Context(), store, "purge", "r1")
	require.NoError(t, err)
	item := retention.Item{ID: "a1", Kind: retention.Whole, Bytes: 1500}
	require.NoError(t, ledger.Append(t.Context(), removal.Row{Event: removal.Intent, Plan: p.ID, By: "anna", Item: item}))
	require.NoError(t, ledger.Append(t.Context(), removal.Row{Event: removal.Outcome, Tick: time.Now(), Plan: p.ID, By: "anna", Item: item, Result: video.Done}))

	code, out, errs := vodctl(t, env, "ledger", "verify")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 rows in 2 segments, 1 item removed, 0 open")
	code, out, _ = vodctl(t, env, "ledger", "report", "-o", "json")
	require.Zero(t, code)
	var r removal.LedgerReport
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 1, r.Plans[0].Freed.Items)
	require.Equal(t, 1, r.Plans[0].Planned.Items)

	require.NoError(t, state.NoteDeletions(t.Context(), store, time.Now(), []state.DeletionNotice{{ID: "a1", At: time.Now()}, {ID: "x9", At: time.Now()}}))
	code, out, errs = vodctl(t, env, "ledger", "reconcile")
	require.Zero(t, code, errs)
	require.Regexp(t, `\d{4}-\d\d-\d\d +1 +1 +0 +1 +x9`, out)

	code, out, errs = vodctl(t, env, "ledger", "verify", "--checkpoint")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 rows in 2 segments, 1 item removed, 0 open")
	code, out, errs = vodctl(t, env, "ledger", "verify")
	require.Zero(t, code, errs)
	require.Contains(t, out, "2 rows in 2 segments, 1 item removed, 0 open", "what came before the check point counts")

	name := filepath.Join(strings.TrimPrefix(env["STATE"], "file:"), "ledger", "00000001.jsonl")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(name, 0o600))
	require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(text), "anna", "otto", 1)), 0o600))
	code, _, errs = vodctl(t, env, "ledger", "verify", "--full")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "corrupt")
}

func TestTheLedgersReportSaysWhatIsOver(t *testing.T) {
	for want, tc := range map[string]struct {
		plan  func(*removal.Plan)
		takes string // a takedown instead of the plan
		done  bool
		end   bool
		back  bool // withdrawn
	}{
		`anna +1 +0 +1\.5 kB +0 B +under way, 1 open`: {},
		`anna +1 +1 +1\.5 kB +1\.5 kB +ended`:         {done: true, end: true},
		`anna +1 +1 +1\.5 kB +1\.5 kB +expired`: {done: true, plan: func(p *removal.Plan) {
			p.Created, p.Expires = p.Created.AddDate(0, 0, -8), p.Created.AddDate(0, 0, -1)
		}},
		`anna +1 +0 +1\.5 kB +0 B +withdrawn, 1 open`:                                           {back: true},
		`anna +1 +1 +1\.5 kB +1\.5 kB +ended()`:                                                 {done: true, end: true, back: true},
		`takedown-x +anna +1 +1 +1\.5 kB +1\.5 kB +ended`:                                       {takes: "takedown-x", done: true, end: true},
		`takedown-x +anna +1 +0 +1\.5 kB +0 B +cut short: the next takedown settles it, 1 open`: {takes: "takedown-x"},
	} {
		if tc.plan == nil {
			tc.plan = func(*removal.Plan) {}
		}
		env, p := plannedLike(t, tc.plan)
		plan := cmp.Or(tc.takes, p.ID)
		store, err := state.Open(t.Context(), env["STATE"], state.Options{})
		require.NoError(t, err)
		l, err := removal.OpenLedger(t.Context(), store, "purge", "r")
		require.NoError(t, err)
		row := removal.Row{Event: removal.Intent, Plan: plan, By: "anna", Item: retention.Item{ID: "a1", Kind: retention.Whole, Bytes: 1500}}
		require.NoError(t, l.Append(t.Context(), row))
		end := removal.RunEnd{Plan: plan}
		if row.Event, row.Result = removal.Outcome, video.Done; tc.done {
			require.NoError(t, l.Append(t.Context(), row))
			end.Freed.Add(row.Item)
		}
		if end.Segment, end.Tip = l.Last(), l.Tip(); tc.end {
			require.NoError(t, removal.EndRun(t.Context(), store, end))
		}
		if tc.back {
			require.NoError(t, removal.Withdraw(t.Context(), store, p.ID, "otto", "", time.Now()))
		}
		require.NoError(t, store.Close())
		code, out, errs := vodctl(t, env, "ledger", "report")
		require.Zero(t, code, errs)
		require.Regexp(t, want+" +0 +0 +0 B +no price", out)
	}
}

func TestWithoutAPlanThereIsNothingToShow(t *testing.T) {
	env := map[string]string{"STATE": "file:" + t.TempDir()}
	code, _, errs := vodctl(t, env, "plan", "show", "--new")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no plan was made yet")
	code, out, errs := vodctl(t, env, "leaving", "--new")
	require.Zero(t, code, errs)
	require.Contains(t, out, "No plan was made yet")
	code, out, _ = vodctl(t, env, "ledger", "verify", "--new")
	require.Zero(t, code)
	require.Contains(t, out, "0 rows")
}

func TestExplainSaysWhatGoesAndWhatStays(t *testing.T) {
	env, p := planned(t)
	cloud := localcloud.RunT(t, localcloud.Options{Start: p.Created, Callback: "none"})
	for name, value := range cloud.Env() {
		if env[name] == "" {
			env[name] = value
		}
	}
	old := p.Created.AddDate(0, 0, -60)
	ids := cloud.VOD.Seed(
		fakevod.Asset{ID: "a1", Kind: "video", Title: "goes", Tags: "temp", Status: "Normal", Size: 1500, Created: old},
		fakevod.Asset{ID: "b2", Kind: "video", Title: "is held", Tags: "temp,keep", Status: "Normal", Size: 1500, Created: old},
		fakevod.Asset{ID: "c3", Kind: "video", Title: "is of nobody's interest", Status: "Normal", Created: p.Created.AddDate(0, 0, -1)},
	)
	code, out, errs := vodctl(t, env, append([]string{"plan", "explain", "nobody"}, ids...)...)
	require.Equal(t, 1, code, "one of them is not known")
	require.Contains(t, errs, "1 asset cannot be explained")
	for _, want := range []string{
		`nobody  `, `not found`, `a1  goes`, `goes   video   temporary  60d since upload, limit 30d`, `stays          sources    young: 60d since upload, limit 90d`, "plan " + p.ID + " lists 1 item of it",
		`b2  is held`, `held: tag "keep" holds`, `lists 0 items of it`, `stays  all of it  sources     young: 1d since upload, limit 90d`,
	} {
		require.Contains(t, out, want)
	}
	code, out, _ = vodctl(t, env, "plan", "explain", "a1", "-o", "json")
	require.Zero(t, code)
	require.Contains(t, out, `"rule": "temporary"`)
	code, _, errs = vodctl(t, env, "plan", "explain", "a1", "--plan", "20200101T000000Z-00000000")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not found")
}

func TestOneDamagedObjectHidesNoOtherPlan(t *testing.T) {
	for _, dir := range []string{"ended", "approvals", "withdrawn"} {
		env, p := planned(t)
		store, err := state.Open(t.Context(), env["STATE"], state.Options{})
		require.NoError(t, err)
		later := p
		later.Created = p.Created.Add(time.Second)
		require.NoError(t, later.Seal())
		require.NoError(t, removal.WritePlan(t.Context(), store, later))
		key := dir + "/" + p.ID + ".json"
		require.NoError(t, store.Create(t.Context(), key, []byte("{")))
		require.NoError(t, store.Close())
		code, out, errs := vodctl(t, env, "plan", "list")
		require.Zero(t, code, errs)
		require.Regexp(t, p.ID+" .* refused: "+key+": corrupt.*; restore it from a copy +remove\n"+later.ID+" .* not approved +remove\n", out)
		code, out, errs = vodctl(t, env, "plan", "show", p.ID)
		require.Zero(t, code, errs)
		require.Contains(t, out, "Status: refused: "+key+": corrupt")
		code, _, errs = vodctl(t, env, "approve", p.ID, "--yes")
		require.Equal(t, 1, code)
		require.Contains(t, errs, "plan "+p.ID+" is refused: "+key+": corrupt")
	}
}

func TestTheLatestPlanIsOneOfThisAccount(t *testing.T) {
	for name, change := range map[string]func(*removal.Plan){
		"region":      func(p *removal.Plan) { p.Region = "cn-beijing" },
		"account":     func(p *removal.Plan) { p.Account = "99" },
		"application": func(p *removal.Plan) { p.App = "app-1" },
	} {
		t.Run(name, func(t *testing.T) {
			env, p := planned(t)
			store, err := state.Open(t.Context(), env["STATE"], state.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			lines := removal.Lines{Objects: store}
			require.NoError(t, lines.Add(t.Context(), removal.Pending{Item: retention.Item{ID: "theirs"}}))
			require.NoError(t, lines.Flush(t.Context()))
			other := p
			other.Created, other.Pending = p.Created.Add(time.Second), lines.Written
			change(&other)
			require.NoError(t, other.Seal())
			require.NoError(t, removal.WritePlan(t.Context(), store, other))

			_, out, _ := vodctl(t, env, "plan", "show")
			require.Contains(t, out, "Plan "+p.ID)
			_, out, _ = vodctl(t, env, "leaving")
			require.NotContains(t, out, "theirs")
			_, out, _ = vodctl(t, env, "plan", "show", other.ID)
			require.Contains(t, out, "Plan "+other.ID, "named, it is shown")

			require.NoError(t, store.Create(t.Context(), "plans/"+strings.Replace(other.ID, "T", "X", 1)+".json", []byte("{")))
			_, out, _ = vodctl(t, env, "plan", "show")
			require.Contains(t, out, "Plan "+p.ID, "a stray object is no plan")
		})
	}
	env, p := planned(t)
	delete(env, "ALIBABA_CLOUD_ACCOUNT_ID")
	_, out, errs := vodctl(t, env, "plan", "show")
	require.Contains(t, out, "Plan "+p.ID, errs)
}

func TestWhatRestsOnAQuotaIsSaidWhereItIsApproved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	text := []byte("rules: [{name: temporary, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}]\nquotas: [{name: small, select: 'true', above: 1TB, older_than: 30d}]\n")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	policy, err := retention.Parse(file, text)
	require.NoError(t, err)
	const want = "3 items rest on a quota: they go only while the latest plan, younger than 24 h, lists them too"
	for name, tc := range map[string]struct {
		rule, policy string
		said         bool
	}{
		"a quota's":      {"small", policy.Hash, true},
		"a rule's":       {"temporary", policy.Hash, false},
		"another policy": {"small", strings.Repeat("0", 64), false},
	} {
		t.Run(name, func(t *testing.T) {
			env, p := plannedLike(t, func(p *removal.Plan) {
				p.Policy = tc.policy
				p.Rules = append(p.Rules, removal.RuleTotals{Rule: tc.rule, Kind: retention.Whole, Totals: removal.Totals{Media: 3, Items: 3}})
			})
			env["POLICY_FILE"] = file
			_, out, errs := vodctl(t, env, "plan", "show")
			require.Equal(t, tc.said, strings.Contains(out, want), out+errs)
			code, out, _ := vodctl(t, env, "approve", p.ID)
			require.NotZero(t, code)
			require.Equal(t, tc.said, strings.Contains(out, want), out)
			code, out, _ = vodctl(t, env, "approve", p.ID, "--yes")
			require.Equal(t, tc.policy == policy.Hash, code == 0)
			require.Equal(t, tc.said, strings.Contains(out, want), out)
			env["POLICY_FILE"] = file + ".gone"
			code, _, errs = vodctl(t, env, "plan", "show")
			require.Zero(t, code, errs)
		})
	}
}

func TestDamagedObjectsAreNamed(t *testing.T) {
	env, p := planned(t)
	code, out, errs := vodctl(t, env, "state", "check")
	require.Zero(t, code, errs)
	require.Equal(t, "No object is corrupt, missing or stray.\n", out)
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Create(t.Context(), "ended/"+p.ID+".json", []byte("{")))
	require.NoError(t, state.Remove(t.Context(), store, "parts/"+p.Chunks[0].Hash+".jsonl"))
	require.NoError(t, store.Close())
	code, out, errs = vodctl(t, env, "state", "check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "ended/"+p.ID+".json ")
	require.Contains(t, out, "parts/"+p.Chunks[0].Hash+".jsonl  part of plans/"+p.ID+".json: not found")
	require.Contains(t, errs, "2 objects corrupt, missing or stray")
	code, out, _ = vodctl(t, env, "state", "check", "-o", "json")
	require.Equal(t, 1, code)
	require.True(t, json.Valid([]byte(out)), out)
}
