package conformance_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// operation is what the provider documents of one operation of VOD, as far as the
// dossier tries it.
type operation struct {
	Rate       float64              `json:",omitempty"` // calls per second of an account
	Parameters map[string]parameter `json:",omitempty"`
	Errors     map[string]int       `json:",omitempty"` // code → status
}

type parameter struct {
	Required        bool                 `json:",omitempty"`
	List            bool                 `json:",omitempty"` // comma separated
	Undocumented    bool                 `json:",omitempty"` // the SDK has it, the documentation no longer
	Raw             bool                 `json:",omitempty"` // documented, the SDK has it not
	Enum            []string             `json:",omitempty"`
	Min             int64                `json:",omitempty"`
	Max             int64                `json:",omitempty"`
	MaxWhenOSS      int64                `json:",omitempty"`
	MaxItems        int                  `json:",omitempty"`
	MaxBytes        int                  `json:",omitempty"`
	MaxChars        int                  `json:",omitempty"`
	MaxBytesPerItem int                  `json:",omitempty"`
	MaxCharsPerItem int                  `json:",omitempty"`
	Fields          map[string]parameter `json:",omitempty"` // of each object in a JSON array
}

var factsFile = filepath.Join("..", "..", "..", "testdata", "conformance", "vod.json")

// statistics are operations whose documentation is not among the extracts of vod.json;
// their parameters are those of the client.
var statistics = map[string]operation{
	"DescribePlayTopVideos":   {Parameters: map[string]parameter{"BizDate": {Required: true}, "PageNo": {}, "PageSize": {Max: 1000}, "OwnerId": {Undocumented: true}}, Errors: map[string]int{"InvalidBizDate.Malformed": 400}},
	"DescribePlayVideoStatis": {Parameters: map[string]parameter{"VideoId": {Required: true}, "StartTime": {Required: true}, "EndTime": {Required: true}, "OwnerId": {Undocumented: true}}},
	"DescribePlayUserTotal":   {Parameters: map[string]parameter{"StartTime": {Required: true}, "EndTime": {Required: true}, "OwnerId": {Undocumented: true}}},
}

func facts(t *testing.T) map[string]operation {
	t.Helper()
	raw, err := os.ReadFile(factsFile)
	require.NoError(t, err)
	var out map[string]operation
	require.NoError(t, json.Unmarshal(raw, &out))
	maps.Copy(out, statistics)
	return out
}

// The facts are an extract of the provider's API description, where that lies
// beside the checkout.
func TestTheFactsAreTheProviders(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "reference", "vod-openapi", "operations.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Log("left out: the provider's API description is not beside this checkout")
		return
	}
	require.NoError(t, err)
	var described struct {
		Operations map[string]struct {
			QPS     any `json:"qpsPerAccount"`
			Request map[string]described
			Errors  []struct {
				Code string
				HTTP *int
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &described))
	out := map[string]operation{}
	for name, from := range described.Operations {
		to := operation{Parameters: map[string]parameter{}, Errors: map[string]int{}}
		switch rate := from.QPS.(type) {
		case float64:
			to.Rate = rate
		case map[string]any: // by region; the first list of regions has the default one
			to.Rate = rate["cn-beijing,cn-shanghai,cn-shenzhen,ap-southeast-1"].(float64)
		}
		for name, p := range from.Request {
			to.Parameters[name] = p.extract()
		}
		for _, e := range from.Errors {
			to.Errors[e.Code] = 400 // where the documentation has no status
			if e.HTTP != nil {
				to.Errors[e.Code] = *e.HTTP
			}
		}
		out[name] = to
	}
	text, err := json.MarshalIndent(out, "", " ")
	require.NoError(t, err)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(factsFile, append(text, '\n'), 0o600))
	}
	have, err := os.ReadFile(factsFile)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(have))
}

// described is a parameter as the provider's description has it.
type described struct {
	InGoSDK         bool `json:"inGoSdk"`
	InMetadata2026  bool `json:"inMetadata2026"`
	Required        bool
	RequiredUnless  string
	Format          string
	Enum            []string
	Min, Max        int64
	MaxWhenOSS      int64 `json:"maxWhenOss"`
	MaxItems        int
	MaxBytes        int
	MaxChars        int
	MaxBytesPerItem int
	MaxCharsPerItem int
	ItemFields      map[string]described
}

func (p described) extract() parameter {
	to := parameter{
		Required: p.Required || p.RequiredUnless != "", List: len(p.Format) > 5 && p.Format[:5] == "comma", Undocumented: p.InGoSDK && !p.InMetadata2026,
		Raw: !p.InGoSDK && p.InMetadata2026, Enum: p.Enum, Min: p.Min, Max: p.Max, MaxWhenOSS: p.MaxWhenOSS, MaxItems: p.MaxItems,
		MaxBytes: p.MaxBytes, MaxChars: p.MaxChars, MaxBytesPerItem: p.MaxBytesPerItem, MaxCharsPerItem: p.MaxCharsPerItem,
	}
	for name, f := range p.ItemFields {
		if to.Fields == nil {
			to.Fields = map[string]parameter{}
		}
		to.Fields[name] = f.extract()
	}
	return to
}
