package tagging_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
)

// hundred are rules as people write them, and the same conditions alone.
func hundred() (file string, conditions []string) {
	kinds := []string{
		`title matches "(?i)\\bepisode %d\\b"`, `duration > %d and orientation == "portrait"`, `"team-%d" in tags`,
		`width >= %d and fps > 29`, `title contains "part %d" or description contains "part %d"`,
		`kind == "video" and age_days > %d`, `file_name startsWith "cam%d"`, `codec == "hevc" and bitrate > %d`,
		`any(tags, # startsWith "q%d")`, `category == "Series %d" and size > 1000`,
	}
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 100 {
		when := strings.ReplaceAll(kinds[i%len(kinds)], "%d", fmt.Sprint(i+30))
		conditions = append(conditions, when)
		fmt.Fprintf(&b, "  - name: rule %d\n    when: |\n      %s\n    add: [tag-%d]\n", i, when, i)
		if i%5 == 0 {
			b.WriteString("    title: \"{file_name|clean}\"\n    remove: [draft]\n")
		}
	}
	return b.String(), conditions
}

func sample() rule.Facts {
	days := 40.0
	return rule.Sample{
		Kind: "video", Title: "Harbour walk, episode 30", Description: "part 14 of many", FileName: "cam16-0042.mp4", Tags: []string{"team-32", "harbour", "tag-3"},
		Duration: 95, Size: 1 << 20, Width: 1080, Height: 1920, FPS: 25, Bitrate: 3000, Codec: "h264", Category: "Walks", AgeDays: &days, Status: "Normal",
	}.Facts()
}

// bare is what deciding is measured against: the compiled expressions, run one
// after the other as the library's own documentation shows, and nothing besides.
func bare(t testing.TB, conditions []string) func(f *rule.Facts) int {
	var programs []*vm.Program
	for _, when := range conditions {
		p, err := expr.Compile(when, expr.Env(&rule.Facts{}), expr.AsBool())
		require.NoError(t, err)
		programs = append(programs, p)
	}
	machine := vm.VM{}
	return func(f *rule.Facts) (n int) {
		for _, p := range programs {
			if out, err := machine.Run(p, f); err == nil && out.(bool) {
				n++
			}
		}
		return n
	}
}

func BenchmarkDecide100Rules(b *testing.B) {
	file, conditions := hundred()
	rules, err := tagging.Parse("hundred.yaml", []byte(file))
	require.NoError(b, err)
	facts := sample()
	run := bare(b, conditions)
	seen := facts // the conditions look at the tags that rules added before them, too
	decided := rules.Decide(&facts)
	seen.Tags = decided.Change.Tags.Apply(facts.Tags)
	require.Len(b, decided.Matched, run(&seen))
	b.Run("decide", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rules.Decide(&facts)
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(&seen)
		}
	})
	// Side by side, turn by turn, and the median of each: what else the machine does
	// falls on both and is left out.
	b.Run("ratio", func(b *testing.B) {
		var deciding, evaluating []time.Duration
		for b.Loop() {
			start := time.Now()
			rules.Decide(&facts)
			middle := time.Now()
			run(&seen)
			deciding, evaluating = append(deciding, middle.Sub(start)), append(evaluating, time.Since(middle))
		}
		slices.Sort(deciding)
		slices.Sort(evaluating)
		b.ReportMetric(float64(deciding[len(deciding)/2])/float64(evaluating[len(evaluating)/2]), "decide/bare")
	})
}

func BenchmarkParseDefaultRules(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = tagging.Parse("default.yaml", tagging.DefaultFile())
	}
}
