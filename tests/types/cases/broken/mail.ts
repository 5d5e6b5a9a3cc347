export class Mail {
    send(to: string {
    }
}
