<?php

declare(strict_types=1);

namespace App;

use Symfony\Component\HttpFoundation\BinaryFileResponse;
use Symfony\Component\HttpFoundation\Cookie;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\StreamedResponse;
use Symfony\Component\HttpKernel\Event\TerminateEvent;

/**
 * The controller.
 */
final class Pages
{
    /** Kept from one request to the next, as everything that Symfony is not told to reset. */
    private int $served = 0;

    public function home(): Response
    {
        return new Response('Request ' . ++$this->served . ' of process ' . \getmypid());
    }

    public function up(): Response
    {
        return new Response('up');
    }

    public function login(Request $request, string $name): Response
    {
        $request->getSession()->set('name', $name);

        return new Response("hello {$name}");
    }

    public function who(Request $request): Response
    {
        return new Response($request->getSession()->get('name', 'nobody'));
    }

    public function visits(Visits $visits): Response
    {
        return new Response((string) $visits->add('this'));
    }

    public function form(Request $request): Response
    {
        $response = new JsonResponse([
            'method' => $request->getMethod(), 'uri' => $request->getUri(), 'base' => $request->getBaseUrl(),
            'query' => $request->query->all(), 'form' => $request->request->all(), 'cookies' => $request->cookies->all(),
            'client' => $request->getClientIp(), 'user' => $request->getUser(), 'body' => $request->getContent(),
        ]);
        $response->headers->setCookie(Cookie::create('one', 'a b'));
        $response->headers->setCookie(Cookie::create('two', 'c', \time() + 60));

        return $response;
    }

    public function upload(Request $request): Response
    {
        $file = $request->files->get('file');
        if ($file === null || !$file->isValid()) {
            return new Response('Send a file in the field "file".', 422);
        }
        $moved = $file->move(\sys_get_temp_dir(), \uniqid('upload'));
        $sum = \md5_file($moved->getPathname());
        \unlink($moved->getPathname());

        return new Response("{$file->getClientOriginalName()}: {$sum}");
    }

    public function stream(): Response
    {
        return new StreamedResponse(static function (): void {
            for ($n = 1; $n <= 3; $n++) {
                echo "data: {$n}\n\n";
                \flush();
            }
        }, 200, ['Content-Type' => 'text/event-stream']);
    }

    public function endless(): Response
    {
        return new StreamedResponse(static function (): void {
            try {
                for ($n = 1; true; $n++) {
                    echo "data: {$n}\n\n";
                    \usleep(1000);
                }
            } finally {
                \error_log('the stream has ended');
            }
        }, 200, ['Content-Type' => 'text/event-stream']);
    }

    public function download(): Response
    {
        return (new BinaryFileResponse(__FILE__, 200, ['Content-Type' => 'text/plain']))->setContentDisposition('attachment', 'kernel.txt');
    }

    public function fail(): Response
    {
        throw new \DomainException('the reason, which the client is not told');
    }

    public function terminated(TerminateEvent $event): void
    {
        if ($event->getRequest()->getPathInfo() === '/') {
            \error_log("after the response: {$this->served}");
        }
    }
}
