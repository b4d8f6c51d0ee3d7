package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// imported is the policy file that a text of the console makes.
func imported(t *testing.T, text string) string {
	t.Helper()
	code, out, errs := vodctlIn(t, nil, text, "policy", "import", "console")
	require.Zero(t, code, errs)
	file := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(file, []byte(out), 0o600))
	code, said, errs := vodctl(t, nil, "policy", "check", file)
	require.Zero(t, code, errs)
	require.Contains(t, said, "no mistakes, and its tests hold")
	require.NotContains(t, said, "WARNING")
	return out
}

func TestConsolePoliciesBecomeRulesWithTests(t *testing.T) {
	out := imported(t, `
Name: cold videos
action: storage IA            # or: delete
Stored longer than: 90 days   # or: uploaded: 2024-01-01 to 2024-12-31
categories: 1000025810, Archive footage
status: enabled


STATUS = On
uploaded： 2024/1/1 – 2024-2-29
name: it's "old"
Action: Delete media assets
Category: it's "x"，7；8
---
- name: gone
  categories: All
- action: delete
- stored for: 3 Months
- state: active

name: off
action: change storage class to Cold Archive
stored longer than: > 1 year
categories: all
status: disabled
`)
	for _, want := range []string{
		"  - name: \"cold videos\"\n    select: '(category_id in [1000025810] or category in [\"Archive footage\"])'\n    older_than: 90d\n    move: {to: IA}\n",
		"  - name: \"it's \\\"old\\\"\"\n    select: '(category_id in [7, 8] or category in [\"it''s \\\"x\"]) and uploaded >= date(\"2024-01-01\") and uploaded < date(\"2024-03-01\")'\n    older_than: 1d",
		"  - name: \"gone\"\n    unsafe: true # the console's policy is for all categories\n    select: 'kind in [\"video\", \"audio\"]'\n    older_than: 90d # 3 months: a month counts 30 days, a year 365\n    remove: {video: true}\n",
		`# - The policy "off" is disabled there and left out here.`,
		"age_days: 91, category_id: 1000025810}\n    removes: [video]\n    moves: []\n", "age_days: 90, category_id: 1000025810}\n    removes: []\n    moves: []\n",
		"only that of the highest priority runs", "the first that takes an asset gets the credit",
	} {
		require.Contains(t, out, want)
	}
	require.Equal(t, 8, strings.Count(out, "    media: "))

	out = imported(t, "name: deep\ncategories: all\naction: Cold Archive\nstored longer than: 2 weeks\nstatus: on\n")
	require.Contains(t, out, "    older_than: 14d\n    move: {to: ColdArchive, scope: all}\n")
	require.Contains(t, out, "plays for nobody until it is restored")
	require.Contains(t, out, "    moves: [\"all:ColdArchive\"]\n")
	require.NotContains(t, out, "removes:")

	out = imported(t, "name: later\naction: delete\nuploaded: 2027-01-01 to 2028-02-29\ncategories: 5\nstatus: enabled\n")
	require.Equal(t, 1, strings.Count(out, "    media: "), "what the moment of tests cannot show is left out")
	out = imported(t, "action: delete\n\nstatus: enabled\nuploaded: from 2026-06-30 until 2026-06-30\n\ncategories: 1\nname: one policy, with empty lines in it\n")
	require.Contains(t, out, "age_days: 1.5, category_id: 1}\n    removes: []")
}

// Where paragraphs do not tell the policies apart, each begins with its name.
func TestConsolePoliciesBeginWithTheirNames(t *testing.T) {
	out := imported(t, "name: a\n\naction: delete\nstored longer than: 9 days\ncategories: x\nstatus: off\n\nname: b\naction: IA\ncategories: all\n\nstored longer than: 8 days\nstatus: on\n")
	require.Contains(t, out, `The policy "a" is disabled`)
	require.Contains(t, out, "  - name: \"b\"\n    older_than: 8d\n    move: {to: IA}\n")
}

func TestEveryMistakeOfAConsolePolicyIsReportedWithItsLine(t *testing.T) {
	const text = "name: a\naction: burn\nstored longer than: 90\ncategories: 0\nstatus: maybe\n\n" + // 1 to 5
		"name: a\naction: storage Standard\nuploaded: 2023-02-29 to 2024-01-01\npriority: 1\nstatus:\n\n" + // 7 to 11
		"name: c\x07\naktion: delete\nhello\nstored longer than: 40 years\nuploaded: 2024-02-01 to 2024-01-01\n\n" + // 13 to 17
		"name: d\naction: delete\nuploaded: 2024-01-01 08:00:00 to 2024-01-02 00:00:00\nstatus: on\n\n" + // 19 to 22
		"name: e\naction: delete\nuploaded: 2024-01-01\nstatus: on\n" // 24 to 27
	code, out, errs := vodctlIn(t, nil, text, "policy", "import", "console")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	for _, want := range []string{
		`standard input:2:1: "burn" is no action`, `:3:1: "90" is no time that an asset is stored`, `:4:1: "0" is no id`, `:5:1: "maybe" is no status`,
		":7:1: a second policy named", ":8:1: storage Standard cannot be imported", `:9:1: "2023-02-29" is no day`, ":10:1: a priority cannot be imported", ":11:1: status has no value",
		":13:1: name holds a character that cannot be seen", `:14:1: unknown key "aktion"`, "did you mean action?", ":15:1: no line of the form", ":16:1: \"40 years\" are 14600 days",
		":17:1: the range ends before it begins", ":17:1: two times of upload", ":13:1: the policy has no line action", ":13:1: the policy has no line status",
		":21:1: times of day cannot be imported", `:26:1: "2024-01-01" is no range of two days`,
	} {
		require.Contains(t, errs, want)
	}
	require.NotContains(t, errs, "\x07")
	code, out, _ = vodctlIn(t, nil, text, "policy", "import", "console", "-o", "json")
	require.Equal(t, 1, code)
	require.Contains(t, out, `"line": 26`)

	for text, want := range map[string]string{
		"": "no policy", "\n# only a remark\n": "no policy", "\xff": "not UTF-8", strings.Repeat("x", 2<<20): "larger than 1 MB",
		"name: a\naction: delete\naction: IA\nstored longer than: 1 day\nstatus: on":       "3:1: action again",
		"name: a\naction: delete\nstored longer than: 1 day\ncategories: all\nstatus: off": "none is enabled",
		"name: a\naction: delete\nstored longer than: 0 days\nstatus: on":                  "0 days, which are not 1 to 9000",
		"name: a\naction: delete\nstored longer than: 99999 years\nstatus: on":             "which are not 1 to 9000",
		"name: a\naction: delete\nstored longer than: -3 days\nstatus: on":                 "is no time that an asset is stored",
		"name: a\naction: delete\nstored longer than: 1.5 days\nstatus: on":                "is no time that an asset is stored",
		"name: a\naction: delete\nuploaded: 1999-01-01 to 2024-01-01\nstatus: on":          "no day of the years 2000 to 2100",
		"name: a\naction: delete\nstatus: on":                                              "says no time of upload",
		"name: " + strings.Repeat("n", 101) + "\naction: delete":                           "a name of 101 bytes",
		"name: a\ncategories: " + strings.Repeat("c", 65):                                  "a category of 65 bytes",
		"name: a\ncategories: all, 5":                                                      "\"all\" beside other categories",
		"name: a\ncategories: 5; Any":                                                      "\"Any\" beside other categories",
		"name: a\naction: delete\nstored longer than: 1 day\nstatus: on":                   "the policy has no line categories",
		"name: a\ncategories: ,,":                                                          "0 categories",
		"name: a\ncategories: " + strings.Repeat("c,", 101):                                "101 categories",
	} {
		code, out, errs := vodctlIn(t, nil, text, "policy", "import", "console")
		require.Equal(t, 1, code, "%.60q", text)
		require.Empty(t, out)
		require.Contains(t, errs, want, "%.60q", text)
	}
	code, _, errs = vodctlIn(t, nil, strings.Repeat("name: a\nnonsense\n", 10_000), "policy", "import", "console")
	require.Equal(t, 1, code)
	require.Less(t, len(errs), 20_000)
	require.Contains(t, errs, "there are more mistakes")
	code, _, errs = vodctl(t, nil, "policy", "import", "console", "nowhere.txt")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nowhere.txt")
}

// Whatever a console can have: the file that is made takes what the console's words say.
func TestAnImportedPolicyTakesWhatTheConsoleTakes(t *testing.T) {
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		categories := []string{"all", "7", "Archive footage", "7, 8, x", `it's \"y`, "Ünï"}
		var text strings.Builder
		var want []func(m video.Media) bool
		n := rapid.IntRange(1, 4).Draw(t, "policies")
		for i := range n {
			days, from := rapid.IntRange(1, 500).Draw(t, "days"), rapid.IntRange(-600, 10).Draw(t, "from")
			ranged, of := rapid.Bool().Draw(t, "ranged"), rapid.SampledFrom(categories).Draw(t, "categories")
			name := rapid.StringOfN(rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P, unicode.S), 1, 20, -1).Draw(t, "name")
			fmt.Fprintf(&text, "name: %s %d x\naction: delete\nstatus: enabled\n", name, i)
			first := rule.SampleTime.AddDate(0, 0, from)
			last := first.AddDate(0, 0, days)
			if ranged {
				fmt.Fprintf(&text, "uploaded: %s to %s\n", first.Format("2006/1/2"), last.Format(time.DateOnly))
			} else {
				fmt.Fprintf(&text, "stored longer than: %d days\n", days)
			}
			fmt.Fprintf(&text, "categories: %s\n\n", of)
			want = append(want, func(m video.Media) bool {
				age := rule.SampleTime.Sub(m.Created)
				if of != "all" && !strings.Contains(", "+of+", ", fmt.Sprintf(", %d, ", m.Category)) && (m.CategoryName == "" || !strings.Contains(", "+of+", ", ", "+m.CategoryName+", ")) {
					return false
				}
				if !ranged {
					return age > time.Duration(days)*24*time.Hour
				}
				return age > 24*time.Hour && !m.Created.Before(first) && m.Created.Before(last.AddDate(0, 0, 1))
			})
		}
		policies, err := parseConsole("c", []byte(text.String()))
		require.NoError(t, err, text.String())
		p, err := retention.Parse("p", []byte(consoleFile(policies, policies)))
		require.NoError(t, err, text.String())
		for range 10 {
			m := video.Media{Video: video.Video{ID: "a", Kind: video.KindVideo, Status: video.StatusNormal, Size: 1}}
			m.Created = rule.SampleTime.Add(-time.Duration(rapid.IntRange(0, 600*24).Draw(t, "age")) * time.Hour)
			m.Category = rapid.SampledFrom([]int64{7, 8, 9}).Draw(t, "category")
			m.CategoryName = rapid.SampledFrom([]string{"Archive footage", "x", `it's \"y`, "Ünï", "other"}).Draw(t, "its name")
			goes := false
			for _, w := range want {
				goes = goes || w(m)
			}
			if goes {
				taken++
			}
			require.Equal(t, goes, len(p.Judge(m, retention.Inputs{Now: rule.SampleTime}).Items) > 0, "%+v\n%s", m, text.String())
		}
	})
	require.Positive(t, taken)
	t.Logf("%d assets taken", taken)
}

func FuzzParseConsole(f *testing.F) {
	f.Add([]byte("name: a\naction: delete\nstored longer than: 9 days\nstatus: on\n"))
	f.Add([]byte("Name: a\n\nuploaded： 2024-01-01 - 2024-12-31\ncategories: x，7\r\nstate=on\naction: IA"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := parseConsole("c", raw)
		if err != nil {
			require.NotEmpty(t, rule.Faults(err))
			return
		}
		for _, p := range all {
			p.off = false
		}
		_, err = retention.Parse("p", []byte(consoleFile(all, all)))
		require.NoError(t, err, "%q", raw)
	})
}
