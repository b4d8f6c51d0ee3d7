package retention_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

const expiring = "expire: {tag: expires}\n"

func TestAnAssetGoesAfterTheDayThatItsTagNames(t *testing.T) {
	p := policy(t, expiring)
	require.Equal(t, []string{"expires"}, p.Rules())
	m := aged("a", 400, 7, 1000, "boat", "expires:2026-06-29")
	over := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC) // west of Greenwich the day is long

	v := p.Judge(m, retention.Inputs{Now: over})
	require.Equal(t, []retention.Item{{ID: "a", Kind: retention.Whole, Bytes: 1000, Rule: "expires", Reason: "its tag expires:2026-06-29"}}, v.Items)
	require.Empty(t, v.Keeps)

	v = p.Judge(m, retention.Inputs{Now: over.Add(-1)})
	require.Empty(t, v.Items)
	require.Equal(t, []retention.Keep{{ID: "a", Rule: "expires", Why: retention.Young, Due: over, Reason: "its tag expires:2026-06-29; it may go from 2026-06-30T12:00:00Z"}}, v.Keeps)

	require.True(t, p.Judge(aged("a", 400, 7, 1, "boat"), retention.Inputs{Now: now}).Empty(), "no rule looks at it")
	require.True(t, policy(t, oldTemp).Judge(m, retention.Inputs{Now: now}).Empty(), "off by default")
	m.Created, m.Size, m.Source, m.Streams = time.Time{}, 0, nil, nil
	require.Equal(t, []retention.Item{{ID: "a", Kind: retention.Whole, Bytes: retention.Unknown, Rule: "expires", Reason: "its tag expires:2026-06-29"}},
		p.Judge(m, retention.Inputs{Now: now}).Items, "it needs no age")
}

// Only the exact form removes. What looks like it keeps, and is reported.
func TestWhatOnlyLooksLikeAnExpiryKeepsAndIsReported(t *testing.T) {
	p := policy(t, expiring)
	for what, tag := range map[string]string{
		"case": "Expires:2026-01-31", "capitals": "EXPIRES:2026-01-31", "full-width colon": "expires：2026-01-31", "full-width word": "ｅｘｐｉｒｅｓ:2026-01-31",
		"no such month": "expires:2026-13-01", "no such day": "expires:2026-02-30", "no leap year": "expires:2026-02-29", "the day is nought": "expires:2026-01-00",
		"blank": "expires: 2026-01-31", "blank before": "expires :2026-01-31", "blank behind": "expires:2026-01-31\u00a0", "underscore": "expires_2026-01-31",
		"equals": "expires=2026-01-31", "dash": "expires-2026-01-31", "nothing between": "expires2026-01-31", "no date": "expires", "no date behind": "expires:",
		"basic": "expires:20260131", "slashes": "expires:2026/01/31", "short": "expires:2026-1-31", "a time too": "expires:2026-01-31T00:00:00Z", "other order": "expires:31-01-2026",
		"word": "expires:never", "wide digits": "expires:２０２６-01-31", "another dash": "expires:2026‑01‑31", "minus": "expires:-2026-01-31", "long year": "expires:12026-01-31",
		"invisible": "expires:2026-01-31\u200b", "invisible inside": "exp\u200bires:2026-01-31", "one short": "expire:2026-01-31", "swapped": "exipres:2026-01-31",
		"Cyrillic": "еxpires:2026-01-31", "dashed word": "ex-pires:2026-01-31", "wide comma": "promo，expires:2026-01-31", "semicolon": "promo;expires:2026-01-31",
		"control": "expires:2026-01-31\x07", "line break": "expires:2026-01-31\nboat", "nul": "expires\x00:2026-01-31", "right to left": "\u202eexpires:2026-01-31", "in words": "expires on 2026-01-31",
		"two colons": "expires::2026-01-31", "soon": "expires-soon", "equals, one short": "expire=2026-01-31", "blank, one short": "expire 2026-01-31",
	} {
		for _, tags := range [][]string{{tag}, {"expires:2026-01-31", tag}, {tag, "expires:2026-01-31"}} {
			v := p.Judge(aged("a", 400, 7, 1, tags...), retention.Inputs{Now: now})
			require.Empty(t, v.Items, what)
			require.Equal(t, []retention.Keep{{ID: "a", Rule: "expires", Why: retention.Doubt,
				Reason: fmt.Sprintf("tag %q looks like expires:2026-12-31 and is none, so nobody can tell its last day; write it exactly, or take it off", tag)}}, v.Keeps, what)
		}
	}
	for _, tag := range []string{"expiresoon", "express:2026-01-31", "2026-01-31", "not-expires:2026-01-31", "xpir", "", ":", "=", "expo:2026-01-31"} {
		require.True(t, p.Judge(aged("a", 400, 7, 1, tag), retention.Inputs{Now: now}).Empty(), "%q is another word", tag)
	}
	for _, day := range []string{"2024-02-29", "2026-01-31", "2000-01-01", "2026-06-28"} {
		require.Equal(t, []string{"video"}, takes(p, aged("a", 99_999, 7, 1, "expires:"+day)), day)
	}
}

func TestTheLatestOfSeveralDaysCounts(t *testing.T) {
	p := policy(t, expiring)
	for _, tags := range [][]string{
		{"expires:2026-01-31", "expires:2026-03-31", "expires:2026-02-28"}, {"expires:2026-03-31", "expires:2026-01-31", "expires:2026-02-28"},
		{"expires:2026-02-28", "expires:2026-01-31", "expires:2026-03-31"},
	} {
		e, on := p.Expiry(tags)
		require.True(t, on)
		require.Equal(t, "expires:2026-03-31", e.Tag)
		require.ElementsMatch(t, tags, e.Exact())
		v := p.Judge(aged("a", 400, 7, 1, tags...), retention.Inputs{Now: time.Date(2026, 4, 1, 11, 59, 0, 0, time.UTC)})
		require.Empty(t, v.Items)
		require.Equal(t, time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC), v.Keeps[0].Due)
		v = p.Judge(aged("a", 400, 7, 1, tags...), retention.Inputs{Now: now})
		require.Contains(t, v.Items[0].Reason, "its tag expires:2026-03-31, the latest day of expires:2026-03-31, expires:2026-0")
	}
}

// Years that a person types for "never", and those that a program writes for "nothing".
func TestDaysThatCannotBeMeantOrComeTooLate(t *testing.T) {
	p := policy(t, expiring)
	for day, why := range map[string]retention.Why{
		"2038-01-19": retention.Young, "2038-01-20": retention.Young, "2106-02-07": retention.Young, "9999-12-30": retention.Young, "9999-12-31": retention.Young,
		"0000-01-01": retention.Doubt, "0001-01-01": retention.Doubt, "1970-01-01": retention.Doubt, "1999-12-30": retention.Doubt,
	} {
		m := aged("a", 1, 7, 1, "expires:"+day)
		m.Created = time.Time{}
		v := p.Judge(m, retention.Inputs{Now: now})
		require.Empty(t, v.Items, day)
		require.Equal(t, why, v.Keeps[0].Why, day)
		_, err := json.Marshal(v)
		require.NoError(t, err, day)
		require.Equal(t, why == retention.Young && day != "9999-12-31", !v.Keeps[0].Due.IsZero(), day)
		require.Contains(t, v.Keeps[0].Reason, day)
	}
	require.Equal(t, []string{"video"}, takes(p, aged("a", 400, 7, 1, "expires:2025-06-30")))
	v := p.Judge(aged("a", 100, 7, 1, "expires:2025-12-31"), retention.Inputs{Now: now})
	require.Empty(t, v.Items, "a year that somebody forgot to change")
	require.Equal(t, "its tag expires:2025-12-31 names a day before its upload on 2026-03-23", v.Keeps[0].Reason)
	m := aged("a", 1, 7, 1, "expires:2026-06-28")
	for at, goes := range map[string]bool{"2026-06-29T11:59:59Z": true, "2026-06-29T12:00:00Z": false, "2026-07-01T00:00:01Z": true} { // the last is after now, so it is unknown
		m.Created, _ = time.Parse(time.RFC3339, at)
		require.Equal(t, goes, len(takes(p, m)) > 0, at)
	}
}

func TestAnExpiryBeatsNoProtection(t *testing.T) {
	const gone = "expires:2026-01-31"
	for name, tc := range map[string]struct {
		policy string
		change func(*video.Media)
		why    retention.Why
	}{
		"a hold":            {"holds: {tags: [keep]}\n", func(m *video.Media) { m.Tags = append(m.Tags, "Keep") }, retention.Held},
		"a dated hold":      {"", func(m *video.Media) { m.Tags = append(m.Tags, "hold-until:2026-12-31") }, retention.Held},
		"a doubtful hold":   {"holds: {tags: [legal-hold]}\n", func(m *video.Media) { m.Tags = append(m.Tags, "legal_hold") }, retention.Doubt},
		"a category":        {"holds: {categories: [7]}\n", func(*video.Media) {}, retention.Held},
		"a hold list":       {"holds: {list: h.txt}\n", func(m *video.Media) { m.ID = "held" }, retention.Held},
		"a keep rule":       {"keep: [{name: k, select: 'category_id == 7'}]\n", func(*video.Media) {}, retention.Protected},
		"disputed tags":     {"", func(m *video.Media) { m.Doubts = []string{"tags"} }, retention.Doubt},
		"disputed category": {"", func(m *video.Media) { m.Doubts = []string{"category"} }, retention.Doubt},
		"a change of class": {"", func(m *video.Media) { m.StorageClass = "SourceChanging" }, retention.Doubt},
	} {
		m := aged("a", 400, 7, 1, gone)
		tc.change(&m)
		v := policy(t, expiring+tc.policy).Judge(m, retention.Inputs{Now: now, Above: map[int64]int64{7: -1}, Held: map[video.ID]string{"held": ""}})
		require.Empty(t, v.Items, name)
		require.Equal(t, tc.why, v.Keeps[len(v.Keeps)-1].Why, name)
	}
	v := policy(t, expiring).Judge(aged("a", 400, 7, 1), retention.Inputs{Now: now})
	require.True(t, v.Empty())
	m := aged("a", 400, 7, 1)
	m.Doubts = []string{"tags"}
	require.Equal(t, []string{"tags"}, policy(t, expiring).Judge(m, retention.Inputs{Now: now}).Keeps[0].Missing, "it may expire, and nobody knows")
}

func TestAnExpiryAndTheRulesOfThePolicy(t *testing.T) {
	p := policy(t, expiring+"quotas: [{name: q, above: 10B, older_than: 30d}]"+oldTemp)
	require.Equal(t, []string{"expires", "r", "q"}, p.Rules())
	v := p.Judge(aged("a", 60, 0, 1, "temp", "expires:2026-06-01"), retention.Inputs{Now: now})
	require.Equal(t, "expires", v.Items[0].Rule, "a day on the asset itself is the better reason")
	require.Len(t, v.Items, 1)
	v = p.Judge(aged("a", 60, 0, 1, "temp", "expires:2027-01-01"), retention.Inputs{Now: now})
	require.Equal(t, "r", v.Items[0].Rule, "an expiry is no hold")
	m := aged("a", 60, 0, 1, "expires_2027-01-01")
	m.Streams = []video.Stream{stream("hd", "HD", 720, 300)}
	require.Empty(t, p.Judge(m, retention.Inputs{Now: now}).Claims, "what may go counts in no quota")
	m.Tags = []string{"expires:2027-01-01"}
	require.NotEmpty(t, p.Judge(m, retention.Inputs{Now: now}).Claims)
}

// A tag that was taken off or changed between plan and removal keeps the asset.
func TestAnExpiryIsAskedAgainBeforeItsAssetGoes(t *testing.T) {
	p := policy(t, expiring)
	m := aged("a", 400, 7, 1, "expires:2026-06-01")
	planned := p.Judge(m, retention.Inputs{Now: now})
	require.Len(t, planned.Items, 1)
	recheck := func(tags ...string) string {
		m := m
		m.Tags = tags
		return p.Recheck(planned, retention.Fresh{Answer: video.Answer[video.Media]{ID: "a", Value: m}, Inputs: retention.Inputs{Now: now}})[0].Keep
	}
	require.Empty(t, recheck("expires:2026-06-01"))
	require.Contains(t, recheck("expires:2027-06-01"), "changed since the plan")
	require.Contains(t, recheck(), "changed since the plan")
	require.Contains(t, recheck("expires:2026-06-01", "legal-hold"), "changed since the plan")
}

func TestAPolicyWithExpireNamesEveryMistake(t *testing.T) {
	for text, want := range map[string]string{
		"expire: {}":                                                    "policy.yaml:1:9: the word is missing",
		"expire: {tag: ''}":                                             "policy.yaml:1:15: the word is missing",
		"expire: {tag: expires:}":                                       "not one plain word",
		"expire: {tag: 'a,b'}":                                          "no asset can carry a tag such as",
		"expire: {tag: 'a;b'}":                                          "not one plain word",
		"expire: {tag: ' expires'}":                                     "has blanks around it",
		"expire: {tag: \"ex\\u200b\"}":                                  "not one plain word",
		"expire: {tag: aaaaaaaaaaaaaaaaaaaaaa}":                         "33 bytes, at most 32",
		"expire: {tag: hold-until}":                                     "such tags are holds, and nothing would ever expire",
		"expire: {tag: hold_until}":                                     "such tags are holds",
		"holds: {until: expires}\nexpire: {tag: expires}":               "such tags are holds",
		"holds: {tags: ['expires:2026-12-31']}\nexpire: {tag: expires}": "such tags are holds",
		"expire: {tg: expires}":                                         "did you mean tag?",
		"expire: expires":                                               "want keys with values",
		"expire:":                                                       "expire has no value",
		expiring + "rules: [{name: expires, select: '\"a\" in tags', older_than: 1d, remove: {video: true}}]": `policy.yaml:2:16: "expires" is the rule that expire makes`,
		expiring + "keep: [{name: expires, within: 2d}]":                                                      `"expires" is the rule that expire makes`,
		expiring + "quotas: [{name: expires, above: 2GB, older_than: 2d}]":                                    `"expires" is the rule that expire makes`,
		expiring + "tests: [{name: t, media: {tags: ['expires:2026-06-29'], age_days: 9}, removes: []}]":      `test "t": removes [video], want []`,
	} {
		_, err := retention.Parse("policy.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
	for _, text := range []string{
		"expire: {tag: 到期}", "expire: {tag: Expires}", "expire: {tag: aaaaaaaaaaaaaaaaaaaaa}", "holds: {categories: [9]}\nexpire: {tag: expires}",
		"rules: [{name: expires, select: '\"a\" in tags', older_than: 1d, remove: {video: true}}]",
		expiring + "tests:\n  - {name: over, media: {tags: ['expires:2026-06-29'], age_days: 9}, removes: [video]}\n" +
			"  - {name: its last day, media: {tags: ['expires:2026-06-30']}, removes: []}\n  - {name: odd, media: {tags: ['Expires:2026-06-29']}, removes: []}\n",
	} {
		policy(t, text)
	}
	_, on := (*retention.Policy)(nil).Expiry([]string{"expires:2026-06-29"})
	require.False(t, on)
	_, on = retention.Default().Expiry([]string{"expires:2026-06-29"})
	require.False(t, on)
	e, on := policy(t, "expire: {tag: 到期}").Expiry([]string{"a"})
	require.True(t, on)
	require.Equal(t, retention.Expiry{Word: "到期"}, e)
	require.Empty(t, e.Exact())
}

// Whatever tags an asset has: it goes exactly when all that look like an expiry are exact and
// the latest of them is over.
func TestOnlyExactExpiriesRemove(t *testing.T) {
	p := policy(t, expiring)
	goes := 0
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfN(rapid.IntRange(-400, 400), 0, 3).Draw(t, "days")
		latest, tags := -1000, []string{}
		for _, d := range days {
			tags = append(tags, now.AddDate(0, 0, d).Format("expires:"+time.DateOnly))
			latest = max(latest, d)
		}
		noise := rapid.SliceOfN(rapid.StringMatching(`(expires?|Expires|temp)[:_ -]?(20[0-9]{2}-[01][0-9]-[0-3][0-9])?[\x00-\x1f!-/:-@ \x{200b}]?`), 0, 3).Draw(t, "noise")
		odd := false
		for _, tag := range noise {
			at, err := time.Parse("expires:"+time.DateOnly, tag)
			switch {
			case err == nil:
				latest, days = max(latest, int(at.Sub(now).Hours()/24)), append(days, 0)
			case tag == "" || tag[:1] != "t":
				odd = true
			}
		}
		tags = rapid.Permutation(slices.Concat(tags, noise)).Draw(t, "tags")
		v := p.Judge(aged("a", 50_000, 7, 1, tags...), retention.Inputs{Now: now})
		want := len(days) > 0 && !odd && latest < -1 // the day before now ends at noon
		if want {
			goes++
		}
		require.Equal(t, want, len(v.Items) == 1, "%q: %+v", tags, v)
	})
	require.Positive(t, goes)
	t.Logf("%d assets went", goes)
}

// Such tags would hold what they should let go.
func TestNoLastDayBeginsWithAHoldWord(t *testing.T) {
	for _, word := range []string{"keep", "hold", "Keep", "legal-hold", "legal_hold", "never-delet", "hold-until", "holduntil", "keep-until"} {
		_, err := retention.Parse("p.yaml", []byte("holds: {tags: [keep, hold, legal-hold, never-delete]}\nexpire: {tag: "+word+"}\n"))
		require.ErrorContains(t, err, "nothing would ever expire", word)
	}
	policy(t, "holds: {tags: [keep, hold, legal-hold, never-delete]}\nexpire: {tag: keeper}")
}
