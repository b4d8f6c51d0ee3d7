package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
)

// Every command that prints rows prints them in all three formats, and CSV is a header with
// rows of its length, whatever else the command says to people.
func TestEveryResultOfRowsIsCSVToo(t *testing.T) {
	env, p := plannedLike(t, func(*removal.Plan) {})
	library := file(t, "library.jsonl", `{"id":"a1","title":"x","status":"Normal"}`+"\n"+lastLine)
	for command, header := range map[string]string{
		"plan list":                            "plan,assets,items,bytes,expires,status,does",
		"plan show":                            "id,title,created,kind,part,bytes,rule,reason,to,saved a month,once,paid back in days,currency",
		"plan show --csv":                      "id,title,created,kind,part,bytes,rule,reason,to,saved a month,once,paid back in days,currency",
		"plan what-if --library " + library:    "night,library,items,assets,bytes,pending,over its guards",
		"pending":                              "asset,takes,bytes,since,days,leaves from,title,rule",
		"ledger report":                        "plan,asked for by,planned,removed,bytes planned,bytes freed,status,moved,skipped,bytes skipped,a month promised,a month kept,once promised,once had",
		"ledger reconcile":                     "day,removed,announced,not announced,from elsewhere,for example",
		"state check":                          "object,why",
		"state expire":                         "object",
		"state compact":                        "object",
		"state expire --rules":                 "prefix,what lies there,read by,stays",
		"undo":                                 "run,at,assets,for,wrote",
		"rules check":                          "file,line,column,message,hint",
		"policy check":                         "file,line,column,message,hint",
		"rules show facts":                     "fact,type,meaning",
		"metrics":                              "metric,labels,value",
		"setup --plan":                         "what,name,status,seen,how",
		"doctor":                               "health,check,seen,do",
		"retag --quiet --library " + library:   "rule,holds for,changes,example,title,change",
		"library summary --library " + library: "by,value,assets,bytes,no size,hours,no length,a month,no price",
		"library summary --by kind,tag --library " + library: "kind,tags,assets,bytes,no size,hours,no length,a month,no price",
		"library find true --library " + library:             "id,kind,status,bytes,seconds,uploaded,category,tags,title",
		"library problems --library " + library:              "problem,count,bytes,doubtful,which,for example,mend it by",
		"tags list --library " + library:                     "tag,assets,protects,given by,also written",
	} {
		args := strings.Fields(command)
		_, out, errs := vodctl(t, env, append(args, "-o", "csv")...)
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		require.NoError(t, err, "%s: %s%s", command, out, errs)
		require.Equal(t, header, strings.Join(rows[0], ","), "%s: %s", command, errs)
		if command == "plan list" {
			require.Equal(t, p.ID, rows[1][0])
		}
		if command != "plan show --csv" {
			_, out, errs = vodctl(t, env, append(args, "-o", "json")...)
			require.True(t, json.Valid([]byte(out)), "%s: %s%s", command, out, errs)
		}
	}
}

func TestAResultWithoutRowsIsNoCSVAndNothingIsDone(t *testing.T) {
	env, _ := plannedLike(t, func(*removal.Plan) {})
	code, out, errs := vodctl(t, env, "halt", "-o", "csv")
	require.Equal(t, 2, code)
	require.Empty(t, out)
	require.Contains(t, errs, `"vodctl halt" has no rows for -o csv`)
	store, err := state.Open(t.Context(), env["STATE"], state.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	h, err := removal.HaltState(t.Context(), store)
	require.NoError(t, err)
	require.False(t, h.Halted)
}
