<?php

declare(strict_types=1);

// What becomes of uploaded files: tells about them, moves them, waits while it
// has them, or ends.

use PhpWorker\Request;
use PhpWorker\Response;
use PhpWorker\Upload;
use PhpWorker\Worker;

require __DIR__ . '/../../../php/autoload.php';

Worker::create()->run(static function (Request $request): Response {
    parse_str((string) parse_url($request->uri, PHP_URL_QUERY), $query);
    $files = [];
    foreach ($request->files as $file) {
        if (!$file instanceof Upload || !$file->ok()) {
            continue;
        }
        $folder = dirname($file->tmpName);
        $files[] = [
            'Path' => $file->tmpName,
            'Content' => file_get_contents($file->tmpName),
            'Mode' => fileperms($file->tmpName) & 07777,
            'Owner' => fileowner($file->tmpName),
            'FolderMode' => fileperms($folder) & 07777,
            'FolderOwner' => fileowner($folder),
        ];
    }
    switch ($request->path) {
        case '/move':
            if (!rename($files[0]['Path'], $query['to'])) {
                return new Response(500, [], 'not moved');
            }
            break;
        case '/wait':
            fwrite(STDERR, "has the files\n");
            $gate = fopen($query['gate'], 'rb');
            fgets($gate);
            break;
        case '/exit':
            file_put_contents($query['note'], $files[0]['Path']);
            exit(3);
    }

    return new Response(200, ['Content-Type' => 'application/json'], json_encode(['Worker' => posix_geteuid(), 'Files' => $files], JSON_THROW_ON_ERROR));
});
