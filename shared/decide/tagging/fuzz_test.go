package tagging_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// FuzzParse: whatever the file, it is refused with places or decides within the
// law. The corpus in testdata/fuzz is what earlier runs found worth keeping.
func FuzzParse(f *testing.F) {
	f.Add(tagging.DefaultFile())
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(raw)
		}
	}
	for _, seed := range []string{
		"rules: [{name: a, when: 'true', add: [a, 'b:{title}']}]",
		"rules: [{name: a, when: 'title == \"x\"', title: '{file_name|clean}', remove: ['dr*'], stop: true}]",
		"rules:\n  - name: a\n    when: |\n      duration > 3\n    description: |\n      {title}\n",
	} {
		f.Add([]byte(seed))
	}
	days := 3.0
	samples := []rule.Sample{
		{}, {Kind: "image", Width: 3, Height: 4, Title: "x"},
		{Kind: "video", Title: "x", FileName: "2026-06-21_a b.mp4", Tags: []string{"a", "b:1", "mine"}, Duration: 5, Width: 3, Height: 4, FPS: 25, Codec: "h264", Labels: []string{"l", "a,b"}, AgeDays: &days},
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rules, err := tagging.Parse("fuzz.yaml", raw)
		if err != nil {
			require.Nil(t, rules)
			faults := rule.Faults(err)
			require.NotEmpty(t, faults)
			for _, fault := range faults {
				require.Positive(t, fault.Line)
				require.Positive(t, fault.Column)
				require.NotEmpty(t, fault.Message)
			}
			return
		}
		rules.Test(nil)
		for _, s := range samples {
			facts := s.Facts()
			d := rules.Decide(&facts)
			require.NoError(t, d.Change.Check())
			require.LessOrEqual(t, len(d.Change.Tags.Apply(facts.Tags)), video.MaxTags)
			rules.Explain(&facts)
		}
	})
}
