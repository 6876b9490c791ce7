package integration

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
)

// report prints the first violations of each sort.
func (k trafficKind) report(t *testing.T, seed uint64, found []violation) {
	const most = 3
	shown := make(map[string]int)
	for _, v := range found {
		what, _, _ := strings.Cut(v.came, ",")
		sort := v.promise + ": " + what
		if shown[sort]++; shown[sort] <= most {
			t.Errorf("%s, seed %d: %v", k.name, seed, v)
		}
	}
	for _, sort := range slices.Sorted(maps.Keys(shown)) {
		if n := shown[sort]; n > most {
			t.Errorf("%s, seed %d: %s: %d more", k.name, seed, sort, n-most)
		}
	}
}

func statusesOf(replies []reply) string {
	count := make(map[string]int)
	for _, o := range replies {
		switch {
		case o.left:
			count["left"]++
		case o.status == 0:
			count["none"]++
		case o.status == http.StatusOK && !o.whole:
			count["cut"]++
		default:
			count[strconv.Itoa(o.status)]++
		}
	}
	return counted(count)
}

func faultsOf(faults []fault) string {
	count := make(map[string]int)
	for _, f := range faults {
		count[f.kind]++
	}
	return counted(count)
}

// promisesOf counts violations by the letter of their promise.
func promisesOf(found []violation) string {
	count := make(map[string]int)
	for _, v := range found {
		count[v.promise[:1]]++
	}
	return cmp.Or(counted(count), "none")
}

func counted(count map[string]int) string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%s: %d", what, count[what]))
	}
	return strings.Join(words, ", ")
}

func trafficTable(lines []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nKIND\tSEED\tREQUESTS\tSTATUSES\tFAULTS\tVIOLATIONS")
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	_ = w.Flush()
	return b.String()
}
