<?php

declare(strict_types=1);

// Our package and RoadRunner's in one process: every class of both is loaded, in the order of FIRST, and
// the one that SERVES says serves.

$ours = static function (): void {
    require_once __DIR__ . '/../../../php/autoload.php';
};
$theirs = static function (): void {
    require_once getenv('PHP_VENDOR_DIR') . '/vendor/autoload.php';
};
$before = [getenv(), $_ENV];
foreach (getenv('FIRST') === 'ours' ? [$ours, $theirs] : [$theirs, $ours] as $load) {
    $load();
}

/** Loads all classes below a folder, and returns their names. What needs a package that is missing is left out. */
$all = static function (string $folder, string $prefix): array {
    $names = [];
    foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($folder, FilesystemIterator::SKIP_DOTS)) as $file) {
        $name = $prefix . strtr(substr($file->getPathname(), strlen($folder) + 1, -4), '/', '\\');
        try {
            if ($file->getExtension() === 'php' && (class_exists($name) || interface_exists($name) || trait_exists($name) || enum_exists($name))) {
                $names[] = $name;
            }
        } catch (Error $missing) {
            str_contains($missing->getMessage(), 'not found') || throw $missing;
        }
    }

    return $names;
};
$folders = [[realpath(__DIR__ . '/../../../php/src'), 'PhpWorker\\']];
foreach (glob(getenv('PHP_VENDOR_DIR') . '/vendor/{spiral,roadrunner-php}/*/composer.json', GLOB_BRACE) as $package) {
    foreach (json_decode(file_get_contents($package), true)['autoload']['psr-4'] as $prefix => $folder) {
        foreach ((array) $folder as $one) {
            $one = realpath(dirname($package) . '/' . $one);
            $one === false || $folders[] = [$one, $prefix];
        }
    }
}
if (getenv('FIRST') !== 'ours') {
    $folders = array_reverse($folders);
}
$loaded = array_merge(...array_map(static fn(array $folder): array => $all(...$folder), $folders));
$count = static fn(string $prefix): int => count(array_filter($loaded, static fn(string $name): bool => str_starts_with($name, $prefix)));
$said = json_encode([
    'ours' => $count('PhpWorker\\') > 20, 'theirs' => $count('Spiral\\RoadRunner\\') > 1, 'environment' => [getenv(), $_ENV] === $before,
    'serves' => getenv('SERVES'),
]);

if (getenv('SERVES') === 'ours') {
    PhpWorker\Worker::create()->run(static function (PhpWorker\Request $request) use ($said): string {
        echo "noise\n";

        return $request->path === '/said' ? $said : "{$request->path} {$request->body}";
    });
} else {
    $http = new Spiral\RoadRunner\Http\HttpWorker(Spiral\RoadRunner\Worker::create());
    while (($request = $http->waitRequest()) !== null) {
        echo "noise\n";
        $path = parse_url($request->uri, PHP_URL_PATH);
        $http->respond(200, $path === '/said' ? $said : "{$path} {$request->body}");
    }
}
