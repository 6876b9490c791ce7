package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// An application may have our package and RoadRunner's installed, for example while it moves from one
// to the other: whichever serves, the other's classes, functions and environment are not in its way.
func TestOurPackageAndRoadRunnersLiveInOneProcess(t *testing.T) {
	t.Parallel()
	for _, app := range append([]front{{name: "fakes", folder: absolute(t, "testdata/frameworks/fakes")}}, unmodified(t)...) {
		for _, serves := range []string{"ours", "theirs"} {
			for _, first := range []string{"ours", "theirs"} {
				t.Run(fmt.Sprintf("%s, %s serves, %s is loaded first", app.name, serves, first), func(t *testing.T) {
					t.Parallel()
					s, base := site(t, fmt.Sprintf("php_worker * %q {\n\tworkers 2\n\t%s\n\t%s\n\t%s\n}\n", absolute(t, "testdata/frameworks/both.php"),
						env("PHP_VENDOR_DIR", app.folder), env("SERVES", serves), env("FIRST", first)))
					if _, got := get(t, base+"/said"); got != fmt.Sprintf(`{"ours":true,"theirs":true,"environment":true,"serves":"%s"}`, serves) {
						t.Errorf("the worker says %s", got)
					}
					var results []<-chan outcome
					for n := range 40 {
						results = append(results, asking(request(t, http.MethodPost, fmt.Sprintf("%s/%d", base, n), strings.NewReader(fmt.Sprint("body ", n)))))
					}
					for n, result := range results {
						if got := <-result; got.status != http.StatusOK || got.body != fmt.Sprintf("/%d body %d", n, n) {
							t.Errorf("request %d: %+v", n, got)
						}
					}
					s.waitLog("noise")
					for _, unwanted := range []string{"PHP ", "worker crashed", "worker ended"} {
						if records := s.logs.records(unwanted); len(records) > 0 {
							t.Errorf("the log has %v", records)
						}
					}
				})
			}
		}
	}
}
