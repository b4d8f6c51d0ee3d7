package localcloud

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each route is described with the parameters of its path, and nothing else is.
func TestTheDescriptionIsThatOfTheRoutes(t *testing.T) {
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary    string
			Parameters []struct{ Name, In string }
			Responses  map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(openapi, &doc))
	require.Equal(t, "3.0.3", doc.OpenAPI)
	var described []string
	for path, methods := range doc.Paths {
		var want []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
			want = append(want, m[1])
		}
		for method, about := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
			require.NotEmpty(t, about.Summary, path)
			require.Contains(t, about.Responses, "200", path)
			var have []string
			for _, p := range about.Parameters {
				if p.In == "path" {
					have = append(have, p.Name)
				}
			}
			require.Equal(t, want, have, path)
		}
	}
	slices.Sort(described)
	require.Equal(t, slices.Sorted(maps.Keys(new(Cloud).routes())), described)
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(openapi), -1) {
		require.Contains(t, doc.Components.Schemas, ref[1])
	}
}
